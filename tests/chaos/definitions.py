"""The thread that changes definitions: random DDL beside the writers."""

from dataclasses import replace
from typing import Any

from tests.chaos.shapes import LATER_PARTS, SCHEMA, TYPES, Shape, Shapes, random_shape
from tests.chaos.writers import Connect, Gate, Worker

_AWAY = "swapped"  # where a table is while another takes its name
_SPARE = "spare"  # takes a partition


class Definitions(Worker):
    """Random DDL: on the random tables anything, on the tables of the transfers only what keeps the sum."""

    def __init__(self, seed: int, gate: Gate, connect: Connect, shapes: Shapes, pause: float) -> None:
        super().__init__("definitions", seed, gate, connect)
        self._shapes = shapes
        self._pause = pause
        self._made = 0
        self._touched: set[str] = set()  # names whose tables nobody knows when a statement's end is not seen

    def work(self, cursor: Any) -> None:
        self.pause(self.rng.uniform(0, 2 * self._pause))
        cursor.execute("SET lock_wait_timeout = 3")
        self._settle(cursor)
        kinds = (self._alter,) * 5 + (self._index, self._truncate, self._recreate, self._new, self._swap, self._rename)
        self.rng.choice((*kinds, self._sides, self._rotate, self._part, self._part))(cursor)
        self._touched.clear()

    def _settle(self, cursor: Any) -> None:
        """After a statement that failed or was cut off nobody knows what there is: make it anew."""
        for name in sorted(self._touched):
            cursor.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{name}")
            self._shapes.drop(name)
            if name not in (_AWAY, _SPARE):
                self._create(cursor, random_shape(name, self.rng))
        self._touched.clear()

    def _one(self) -> Shape:
        shape = self._shapes.pick(self.rng)[0]
        self._touched = {shape.name}
        return shape

    def _alter(self, cursor: Any) -> None:
        shape = self._one()
        plain = [c for c in shape.columns if c not in shape.key]
        self._made += 1
        new, columns = f"n{self._made}", dict(shape.columns)
        choice = self.rng.random()
        if choice < 0.5 or len(plain) < 2:
            kind = self.rng.choice(list(TYPES))
            place = self.rng.choice(("", " FIRST", f" AFTER {self.rng.choice(list(columns))}"))
            default = f" DEFAULT {TYPES[kind](self.rng)}" if not {"TEXT", "BLOB"} & {kind, kind[6:]} else ""
            clause, columns[new] = f"ADD COLUMN {new} {kind}{default}{place}", kind
        elif choice < 0.75:
            old = self.rng.choice(plain)
            clause = f"DROP COLUMN {old}"
            del columns[old]
        else:
            old = self.rng.choice(plain)
            clause = f"RENAME COLUMN {old} TO {new}"
            columns = {new if name == old else name: kind for name, kind in columns.items()}
        cursor.execute(f"ALTER TABLE {SCHEMA}.{shape.name} {clause}")
        self._shapes.put(shape.with_columns(columns))

    def _index(self, cursor: Any) -> None:
        shape = self._one()
        self._made += 1
        column = self.rng.choice(list(shape.columns))
        length = "(5)" if shape.columns[column].endswith(("TEXT", "BLOB")) else ""
        cursor.execute(f"CREATE INDEX i{self._made} ON {SCHEMA}.{shape.name} ({column}{length})")
        if self.rng.random() < 0.5:
            cursor.execute(f"DROP INDEX i{self._made} ON {SCHEMA}.{shape.name}")

    def _truncate(self, cursor: Any) -> None:
        cursor.execute(f"TRUNCATE TABLE {SCHEMA}.{self._one().name}")

    def _part(self, cursor: Any) -> None:
        """Take away, move or renew partitions: the log says nothing of the rows."""
        shape = self._one()
        if not shape.parts:
            return
        self._touched.add(_SPARE)
        alter = f"ALTER TABLE {SCHEMA}.{shape.name}"
        choice = self.rng.randrange(5)
        if choice < 2:
            cursor.execute(f"{alter} TRUNCATE PARTITION {self.rng.choice(('p0', 'p1', 'p1, p2', 'ALL'))}")
        elif choice == 2:
            cursor.execute(f"{alter} DROP PARTITION p1")
            cursor.execute(f"{alter} REORGANIZE PARTITION p2 INTO ({LATER_PARTS})")
        elif choice == 3:
            cursor.execute(f"{alter} REBUILD PARTITION p0, p2")
        else:
            spare = f"{SCHEMA}.{_SPARE}"
            cursor.execute(f"CREATE TABLE {spare} LIKE {SCHEMA}.{shape.name}")
            cursor.execute(f"ALTER TABLE {spare} REMOVE PARTITIONING")
            cursor.execute(f"INSERT INTO {spare} SELECT * FROM {SCHEMA}.{shape.name} WHERE {shape.key[0]} < 50")
            cursor.execute(f"{alter} EXCHANGE PARTITION p0 WITH TABLE {spare}")
            cursor.execute(f"DROP TABLE {spare}")

    def _recreate(self, cursor: Any) -> None:
        old = self._one()
        cursor.execute(f"DROP TABLE {SCHEMA}.{old.name}")
        self._shapes.drop(old.name)
        self._create(cursor, random_shape(old.name, self.rng))

    def _new(self, cursor: Any) -> None:
        if len(self._shapes.pick(self.rng, 12)) < 10:
            self._made += 1
            self._touched = {f"t_new{self._made}"}
            self._create(cursor, random_shape(f"t_new{self._made}", self.rng))

    def _create(self, cursor: Any, shape: Shape) -> None:
        cursor.execute(shape.definition())
        self._shapes.put(shape)

    def _swap(self, cursor: Any) -> None:
        pair = self._shapes.pick(self.rng, 2)
        if len(pair) == 2:
            one, other = pair
            self._touched = {one.name, other.name, _AWAY}
            self._exchange(cursor, one.name, other.name)
            self._shapes.put(replace(one, name=other.name))
            self._shapes.put(replace(other, name=one.name))

    def _exchange(self, cursor: Any, one: str, other: str) -> None:
        cursor.execute(
            f"RENAME TABLE {SCHEMA}.{one} TO {SCHEMA}.{_AWAY}, {SCHEMA}.{other} TO {SCHEMA}.{one}, "
            f"{SCHEMA}.{_AWAY} TO {SCHEMA}.{other}"
        )

    def _rename(self, cursor: Any) -> None:
        shape = self._one()
        self._made += 1
        name = f"t_named{self._made}"
        self._touched.add(name)
        cursor.execute(f"RENAME TABLE {SCHEMA}.{shape.name} TO {SCHEMA}.{name}")
        self._shapes.drop(shape.name)
        self._shapes.put(replace(shape, name=name))

    def _sides(self, cursor: Any) -> None:
        """Work on the tables that the readers watch."""
        table = self.rng.choice(("left_side", "right_side", "ledger"))
        self._made += 1
        if self.rng.random() < 0.3:
            copy = f"{SCHEMA}.side_copy"
            cursor.execute(f"DROP TABLE IF EXISTS {copy}")
            cursor.execute(f"CREATE TABLE {copy} LIKE {SCHEMA}.ticks")
            cursor.execute(f"INSERT INTO {copy} SELECT * FROM {SCHEMA}.ticks")
        else:
            column = f"extra{self._made}"
            cursor.execute(f"ALTER TABLE {SCHEMA}.{table} ADD COLUMN {column} INT DEFAULT {self._made}")
            cursor.execute(f"ALTER TABLE {SCHEMA}.{table} DROP COLUMN {column}")

    def _rotate(self, cursor: Any) -> None:
        cursor.execute("FLUSH BINARY LOGS")
