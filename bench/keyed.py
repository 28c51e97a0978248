"""Random tables with the keys that people give them: composite ones, of texts and prefixes, secondary and descending
indexes, none at all; generated columns, partitions, unsigned ids, and rows put in without order."""

import random
from collections.abc import Sequence

from bench.table_kinds import Field, RandomTable

_IDS = ("INT", "INT", "BIGINT UNSIGNED", "SMALLINT UNSIGNED", "BIGINT", "MEDIUMINT")
_PRIMARY = (
    "PRIMARY KEY (id)", "PRIMARY KEY (id)", "PRIMARY KEY (g, id)", "PRIMARY KEY (id, g)", "UNIQUE KEY (id)",
    "PRIMARY KEY (id DESC)", "PRIMARY KEY ({text}, id)", "PRIMARY KEY ({moment}, id)", "KEY (id)",
)  # fmt: skip
# Generated columns: of which kind they are, and how they are made of k and g.
_GENERATED = (
    ("integer", "INT AS (k + 1) STORED"), ("integer", "BIGINT AS (g * 2) VIRTUAL"), ("integer", "INT AS (g % 2)"),
    ("text", "VARCHAR(30) {charset} AS (CONCAT(g, '-', IFNULL(k, 'x'))) STORED"),
    ("text", "VARCHAR(9) {charset} AS (CONCAT('n', g)) VIRTUAL"), ("exact", "DECIMAL(8,2) AS (k * 1.25) STORED"),
)  # fmt: skip
_INDEXED = frozenset({"integer", "exact", "double", "text", "numeral", "date", "moment", "time", "member", "year"})
_PARTITIONS = ("PARTITION BY HASH (id) PARTITIONS 3", "PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (7), "
               "PARTITION b VALUES LESS THAN MAXVALUE)")  # fmt: skip
_ROWS = (0, 1, 6, 12, 20, 40, 60)


def keyed_table(chance: random.Random, name: str, fields: Sequence[Field], server: str) -> RandomTable:
    """Make a table of these columns beside id, k and g, which all have."""
    made = _generated(chance, fields)
    keys = [_primary(chance, fields, server)]
    keys += [_index(chance, (*fields, *made), server) for _ in range(chance.randint(0, 3))]
    columns = ", ".join(f"{f.name} {f.definition}" for f in (*fields, *made))
    id_type = chance.choice(_IDS)
    divided = f" {chance.choice(_PARTITIONS)}" if chance.random() < 0.1 and "(id)" in keys[0] else ""
    statements = [
        f"CREATE TABLE {name} (id {id_type} NOT NULL, k INT, g SMALLINT NOT NULL, {columns}, "
        f"{', '.join(dict.fromkeys(keys))}){divided}"
    ]
    ids = list(range(1, chance.choice(_ROWS) + 1))
    if chance.random() < 0.5:
        chance.shuffle(ids)
    filled = f"(id, k, g, {', '.join(f.name for f in fields)})"
    for number in ids:
        key = chance.choice(("NULL", "0", "1", "2", "3", "5", "9"))
        values = ", ".join(chance.choice(f.values) for f in fields)
        statements.append(f"INSERT INTO {name} {filled} VALUES ({number}, {key}, {chance.randint(0, 3)}, {values})")
    statements.append(f"ANALYZE TABLE {name}")
    basis = tuple(Field(n, t, "integer", ()) for n, t in (("id", id_type), ("k", "INT"), ("g", "SMALLINT")))
    return RandomTable(name, (*basis, *fields, *made), tuple(statements))


def _generated(chance: random.Random, fields: Sequence[Field]) -> list[Field]:
    text = next(f for f in fields if f.kind == "numeral")
    charset = text.definition.partition(" ")[2].removesuffix(" NOT NULL")
    chosen = chance.sample(_GENERATED, chance.choice((0, 0, 1, 2)))
    return [
        Field(f"m{at}", made.format(charset=charset), kind, (), text.collation if kind == "text" else "")
        for at, (kind, made) in enumerate(chosen)
    ]


def _part(chance: random.Random, field: Field) -> str:
    long = field.definition.startswith(("TEXT", "MEDIUMTEXT", "VARCHAR(300)"))
    if field.kind in ("text", "numeral") and (long or chance.random() < 0.2):
        return f"{field.name}({chance.choice((2, 5, 10))})"
    return field.name


def _primary(chance: random.Random, fields: Sequence[Field], server: str) -> str:
    key = chance.choice(_PRIMARY)
    for kind in ("text", "moment"):
        whole = [f for f in fields if f.kind == kind and "NOT NULL" in f.definition]
        if f"{{{kind}}}" in key:
            return key.replace(f"{{{kind}}}", _part(chance, whole[0])) if whole else "PRIMARY KEY (id)"
    return key if server == "mysql" else key.replace(" DESC", "")


def _index(chance: random.Random, fields: Sequence[Field], server: str) -> str:
    able = [f for f in fields if f.kind in _INDEXED]
    parts = ["k", "g", *(_part(chance, f) for f in chance.sample(able, 3))]
    chosen = [part.partition("(") for part in chance.sample(parts, chance.choice((1, 1, 2, 2, 3)))]
    down = " DESC" if server == "mysql" and chance.random() < 0.2 else ""
    return f"KEY ({', '.join(''.join(part) + (down if at == 0 else '') for at, part in enumerate(chosen))})"
