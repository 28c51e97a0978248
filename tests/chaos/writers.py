"""Threads that write: random DML in random transactions, and transfers that keep a sum.

Each has a connection of its own and a generator of its own; how they interleave is the machine's business. What a
session logs of a row changes as it goes: whole rows, or only what a statement named, which a copy that is being loaded
cannot know the rest of.
"""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pymysql

from tests.chaos.shapes import SCHEMA, Shape, Shapes

Connect = Callable[[], Any]
ACCOUNTS = 60
TOTAL = 2 * ACCOUNTS * 1000
_BREATH = 0.01  # seconds between two pieces: the engine shall have some of the processor
WRITERS = 3  # of transfers: each has a row in `ticks`
_IMAGES = ("FULL", "FULL", "MINIMAL", "NOBLOB")  # what a session logs of a row
_NEW_IMAGE = 0.1  # how likely a piece of work begins with another of them

SETUP = (
    f"CREATE DATABASE {SCHEMA} DEFAULT CHARACTER SET utf8mb4",
    f"CREATE TABLE {SCHEMA}.left_side (id INT PRIMARY KEY, v BIGINT NOT NULL, note VARCHAR(40))",
    f"CREATE TABLE {SCHEMA}.right_side (id INT, part VARCHAR(10), v BIGINT NOT NULL, PRIMARY KEY (part, id))",
    f"CREATE TABLE {SCHEMA}.ledger (v BIGINT NOT NULL, note VARCHAR(40))",
    f"CREATE TABLE {SCHEMA}.ticks (writer INT PRIMARY KEY, n BIGINT NOT NULL)",
    f"INSERT INTO {SCHEMA}.left_side VALUES " + ", ".join(f"({n}, 1000, '')" for n in range(ACCOUNTS)),
    f"INSERT INTO {SCHEMA}.right_side VALUES " + ", ".join(f"({n}, 'p{n % 3}', 1000)" for n in range(ACCOUNTS)),
    f"INSERT INTO {SCHEMA}.ticks VALUES " + ", ".join(f"({n}, 0)" for n in range(WRITERS)),
)


class Gate:
    """Lets writers run, or holds them between two of their transactions."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._ended = False
        self._busy = 0

    def enter(self) -> bool:
        """Begin a piece of work; False when the run is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._open or self._ended)
            if self._ended:
                return False
            self._busy += 1
            return True

    def leave(self) -> None:
        """End a piece of work."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Hold everybody, and wait until they are between two pieces."""
        with self._changed:
            self._open = False
            if not self._changed.wait_for(lambda: self._busy == 0, 120):
                raise AssertionError("a writer does not end")

    def open(self) -> None:
        """Let everybody go on."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def end(self) -> None:
        """Send everybody home."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Worker(ABC):
    """One thread that does one piece of work after the other on a connection that may break at any time."""

    def __init__(self, name: str, seed: int, gate: Gate, connect: Connect) -> None:
        self.name = name
        self.rng = Random(f"{seed}/{name}")
        self.errors: Counter[int] = Counter()  # MySQL's error numbers: DDL beside DML makes many
        self.done = 0
        self.failure: BaseException | None = None
        self._gate = gate
        self._connect = connect
        self._connection: Any = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has gone home."""
        self._thread.join(120)

    def pause(self, seconds: float) -> None:
        """Do nothing for a time."""
        self._over.wait(seconds)

    @abstractmethod
    def work(self, cursor: Any) -> None:
        """Do one piece; pymysql's errors mean that nothing was done, or that nobody knows."""

    def _run(self) -> None:
        while self._gate.enter():
            try:
                if self._connection is None:
                    self._connection = self._connect()
                with self._connection.cursor() as cursor:
                    if self.rng.random() < _NEW_IMAGE:
                        cursor.execute(f"SET SESSION binlog_row_image = {self.rng.choice(_IMAGES)}")
                    self.work(cursor)
                self.done += 1
                self.pause(_BREATH)
            except (pymysql.err.MySQLError, OSError) as error:
                self._fell(error)
            except BaseException as error:  # shown by the run
                self.failure = error
                return
            finally:
                self._gate.leave()

    def _fell(self, error: Exception) -> None:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        self.errors[number] += 1
        try:
            self._connection.rollback()
        except (pymysql.err.MySQLError, OSError, AttributeError):
            if self._connection is not None:
                self._connection._force_close()
            self._connection = None
            self.pause(0.05)


class Transfers(Worker):
    """Moves amounts between three tables, whose sum stays; counts its commits in `ticks`."""

    def __init__(self, number: int, seed: int, gate: Gate, connect: Connect) -> None:
        super().__init__(f"transfers {number}", seed, gate, connect)
        self.number = number
        self.acknowledged = 0

    def work(self, cursor: Any) -> None:
        rng = self.rng
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT n + 1 FROM {SCHEMA}.ticks WHERE writer = {self.number} FOR UPDATE")
        ((tick,),) = cursor.fetchall()
        for step in range(rng.choice((1, 1, 2, 5))):
            undone = rng.random() < 0.2
            if undone:
                cursor.execute(f"SAVEPOINT s{step}")
            rng.choice((self._across, self._within, self._into_ledger, self._out_of_ledger, self._all))(cursor)
            if undone:
                cursor.execute(f"ROLLBACK TO SAVEPOINT s{step}")
        cursor.execute(f"UPDATE {SCHEMA}.ticks SET n = {tick} WHERE writer = {self.number}")
        if rng.random() < 0.1:
            cursor.execute("ROLLBACK")
            return
        cursor.execute("COMMIT")
        self.acknowledged = tick

    def _across(self, cursor: Any) -> None:
        amount, one, other = self._amount(), self.rng.randrange(ACCOUNTS), self.rng.randrange(ACCOUNTS)
        cursor.execute(f"UPDATE {SCHEMA}.left_side SET v = v - {amount} WHERE id = {one}")
        cursor.execute(f"UPDATE {SCHEMA}.right_side SET v = v + {amount} WHERE id = {other}")

    def _within(self, cursor: Any) -> None:
        amount, one, other = self._amount(), self.rng.randrange(ACCOUNTS), self.rng.randrange(ACCOUNTS)
        cursor.execute(f"UPDATE {SCHEMA}.left_side SET v = v - {amount} WHERE id = {one}")
        cursor.execute(f"UPDATE {SCHEMA}.left_side SET v = v + {amount} WHERE id = {other}")
        # A key that moves: the row is another one, the sum is not.
        cursor.execute(f"UPDATE {SCHEMA}.right_side SET part = 'p{self.rng.randrange(9)}' WHERE id = {one}")

    def _into_ledger(self, cursor: Any) -> None:
        amount, one = self.rng.randrange(5), self.rng.randrange(ACCOUNTS)
        cursor.execute(f"UPDATE {SCHEMA}.right_side SET v = v - 3 * {amount} WHERE id = {one}")
        # Rows that are equal: without a key only their number tells.
        cursor.execute(f"INSERT INTO {SCHEMA}.ledger (v) VALUES ({amount}), ({amount}), ({amount})")

    def _out_of_ledger(self, cursor: Any) -> None:
        cursor.execute(f"SELECT v FROM {SCHEMA}.ledger LIMIT 1 FOR UPDATE")
        for (amount,) in cursor.fetchall():
            one = self.rng.randrange(ACCOUNTS)
            cursor.execute(f"DELETE FROM {SCHEMA}.ledger WHERE v = {amount} LIMIT 2")
            cursor.execute(f"UPDATE {SCHEMA}.left_side SET v = v + {cursor.rowcount * amount} WHERE id = {one}")

    def _all(self, cursor: Any) -> None:
        amount = self._amount()
        cursor.execute(
            f"UPDATE {SCHEMA}.left_side l JOIN {SCHEMA}.right_side r ON l.id = r.id "
            f"SET l.v = l.v + {amount}, r.v = r.v - {amount} WHERE l.id % {self.rng.randint(1, 5)} = 0"
        )

    def _amount(self) -> int:
        return self.rng.randint(-50, 50)


class Changes(Worker):
    """Random statements on random tables, in transactions small and large."""

    def __init__(self, number: int, seed: int, gate: Gate, connect: Connect, shapes: Shapes) -> None:
        super().__init__(f"changes {number}", seed, gate, connect)
        self._shapes = shapes

    def work(self, cursor: Any) -> None:
        rng = self.rng
        tables = self._shapes.pick(rng, rng.choice((1, 1, 2, 3)))
        if not tables:
            return
        cursor.execute("BEGIN")
        for step in range(rng.choice((1, 1, 2, 4, 8))):
            marked = rng.random() < 0.15
            if marked:
                cursor.execute(f"SAVEPOINT s{step}")
            self._statement(cursor, rng.choice(tables))
            if marked and rng.random() < 0.6:
                cursor.execute(f"ROLLBACK TO SAVEPOINT s{step}")
        cursor.execute("ROLLBACK" if rng.random() < 0.1 else "COMMIT")

    def _statement(self, cursor: Any, shape: Shape) -> None:
        make = self.rng.choice((self._insert, self._insert, self._replace, self._update, self._update, self._delete))
        try:
            cursor.execute(make(shape))
        except pymysql.err.IntegrityError as error:  # the statement is undone, the transaction goes on
            self.errors[error.args[0]] += 1

    def _rows(self, shape: Shape) -> str:
        count = self.rng.choice((1, 1, 3, 20, 300)) if self.rng.random() < 0.97 else 3000
        rows = (", ".join(shape.value(c, self.rng) for c in shape.columns) for _ in range(count))
        return f"{SCHEMA}.{shape.name} ({', '.join(shape.columns)}) VALUES " + ", ".join(f"({row})" for row in rows)

    def _insert(self, shape: Shape) -> str:
        plain = next((c for c in shape.columns if c not in shape.key), None)
        if not shape.key or plain is None or self.rng.random() < 0.5:
            return f"INSERT IGNORE INTO {self._rows(shape)}"
        return f"INSERT INTO {self._rows(shape)} ON DUPLICATE KEY UPDATE {plain} = {shape.value(plain, self.rng)}"

    def _replace(self, shape: Shape) -> str:
        return f"REPLACE INTO {self._rows(shape)}" if shape.key else f"INSERT INTO {self._rows(shape)}"

    def _update(self, shape: Shape) -> str:
        column = self.rng.choice(list(shape.columns))
        change = f"{column} = {shape.value(column, self.rng)}"
        return f"UPDATE IGNORE {SCHEMA}.{shape.name} SET {change} WHERE {self._some(shape)}{self._limit()}"

    def _delete(self, shape: Shape) -> str:
        return f"DELETE FROM {SCHEMA}.{shape.name} WHERE {self._some(shape)}{self._limit()}"

    def _some(self, shape: Shape) -> str:
        column = self.rng.choice(list(shape.columns))
        value = shape.value(column, self.rng)
        if value == "NULL":
            return f"{column} IS NULL"
        return f"{column} {self.rng.choice(('=', '=', '<', '>'))} {value}"

    def _limit(self) -> str:
        return f" LIMIT {self.rng.choice((1, 10, 100))}" if self.rng.random() < 0.7 else ""
