"""One chaos run: writers, readers and DDL while processes are killed; now and then everything is compared."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.backend.connection import Connection
from engine.backend.describe import describe_schema
from engine.layout import reason_not_loadable
from tests.chaos.definitions import Definitions
from tests.chaos.processes import Family, Troubles
from tests.chaos.readers import Reader
from tests.chaos.shapes import SCHEMA, Shapes, random_shape
from tests.chaos.writers import SETUP, WRITERS, Changes, Gate, Transfers, Worker
from tests.live.copying import Copy
from tests.live.servers import Backend

TABLES = 6
LEAST = 3  # kills, however slow the machine is
_KILLS_BETWEEN = 25  # between two comparisons
_PATIENCE = 3.0  # seconds that the copy may take to answer before the next trouble
_EQUAL_IN = 120.0  # seconds that loads and the rest of the log may take when nobody writes any more


@dataclass
class Report:
    """What a run did and lived through."""

    seed: int
    troubles: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)  # transactions and DDL statements per thread
    errors: Counter[int] = field(default_factory=Counter)
    comparisons: int = 0
    tables: int = 0

    @property
    def kills(self) -> int:
        """Processes killed."""
        return sum(self.killed.values())


class Run:
    """A run in a folder, against a backend of its own."""

    def __init__(self, backend: Backend, folder: Path, seed: int, say: Callable[[str], None], ddl_pause: float) -> None:
        self.report = Report(seed)
        self._backend = backend
        self._say = say
        self._rng = Random(seed)
        self._gate = Gate()
        self._shapes = Shapes()
        self._make_tables()
        self.family = Family(backend, folder)
        family = self.family
        transfers = [
            Transfers(n, seed, self._gate, family.through_proxy if n == 0 else family.direct) for n in range(WRITERS)
        ]
        changes = [Changes(n, seed, self._gate, family.direct, self._shapes) for n in range(2)]
        self._readers = [
            Reader(mode, seed, self._gate, family.through_proxy, lambda: sum(t.acknowledged for t in transfers))
            for mode in ("FORCED", "ON")
        ]
        definitions = Definitions(seed, self._gate, family.direct, self._shapes, ddl_pause)
        self._workers: list[Worker] = [*transfers, *changes, definitions, *self._readers]

    def _make_tables(self) -> None:
        with self._backend.connect() as connection, connection.cursor() as cursor:
            for statement in SETUP:
                cursor.execute(statement)
            for number in range(TABLES):
                shape = random_shape(f"t{number}", self._rng)
                cursor.execute(shape.definition())
                self._shapes.put(shape)

    def run(self, seconds: float) -> Report:
        """Run for a time and compare at the end. Raises AssertionError with what is wrong."""
        family = self.family
        troubles = Troubles(family, self._rng)
        end = time.monotonic() + seconds
        try:
            family.start("engine")
            family.start("proxy")
            family.wait_until_answering()
            for worker in self._workers:
                worker.start()
            self._await_answer(_EQUAL_IN)
            compared = 0
            while time.monotonic() < end or self.report.kills < LEAST:
                self._let_be()
                self.report.troubles[troubles.cause()] += 1
                self._check_threads()
                self.report.killed = family.killed
                if self.report.kills >= compared + _KILLS_BETWEEN:
                    self._compare(last=False)
                    compared = self.report.kills
            self._compare(last=True)
        finally:
            self._gate.end()
            self._collect()
            family.stop_all()
        return self.report

    def _let_be(self) -> None:
        """Leave everything alone for a moment, now and then until the copy has answered again."""
        if self._rng.random() < 0.25:
            self._await_answer(_PATIENCE)
        time.sleep(self._rng.expovariate(3))

    def _await_answer(self, longest: float) -> None:
        forced = self._readers[0]
        seen, deadline = forced.answers, time.monotonic() + longest
        while forced.answers == seen and forced.failure is None and time.monotonic() < deadline:
            time.sleep(0.02)

    def _check_threads(self) -> None:
        for worker in self._workers:
            if worker.failure is not None:
                raise worker.failure
        if ended := self.family.ended():
            raise AssertionError(f"{ended} ended by itself")

    def _collect(self) -> None:
        for worker in self._workers:
            worker.join()
            self.report.done[worker.name] += worker.done
            self.report.errors.update(worker.errors)
        for reader in self._readers:
            self.report.outcomes.update({f"{reader.mode} {k}": n for k, n in reader.outcomes.items()})

    def _compare(self, last: bool) -> None:
        """Hold the writers, kill the engine, open its copy here, and wait for every table to be there and equal."""
        self._gate.close()
        self.family.kill("engine")
        copy = Copy(self.family.settings)
        try:
            count = self._all_equal(copy)
        finally:
            copy.stop()
        self.report.comparisons += 1
        self.report.tables = count
        self._say(f"{self.report.kills} kills: {count} tables equal; {dict(self.report.troubles)}")
        if not last:
            self.family.start("engine")
            self._gate.open()
        else:
            self.family.forget("engine")

    def _all_equal(self, copy: Copy) -> int:
        deadline = time.monotonic() + _EQUAL_IN
        while True:
            with Connection(self.family.settings) as connection:
                tables = describe_schema(connection, SCHEMA)
            wrong = {}
            with self._backend.connect() as connection:
                for table in tables:
                    if reason_not_loadable(table):
                        continue
                    if found := copy.difference(connection, SCHEMA, table.name):
                        assert "rows missing" not in found, (table.name, found)  # in service, and another
                        wrong[table.name] = found
            extra = {key[1] for key in copy.replica.store.entries} - {table.name for table in tables}
            if extra:
                wrong[", ".join(sorted(extra))] = "in the copy only"
            if not wrong:
                return len(tables)
            assert time.monotonic() < deadline, wrong
            time.sleep(0.1)
