"""Templates of statements by digest: which literals were others from one time to the next, and what came of that."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.translate.template import Template
from engine.translate.translator import Translation
from statements.context import SessionContext

_MOST = 512  # digests
_TEMPLATES = 8  # of one digest: literals of other lengths, sessions of other settings
_TRIES = 16  # templates that are made of one digest

Reads = TypeVar("Reads")


@dataclass(slots=True)
class _Shape(Generic[Reads]):
    literals: tuple[str, ...]  # as seen last
    varying: frozenset[int] = frozenset()  # those that have been others
    tries: int = 0
    templates: list[tuple[Reads, Template]] = field(default_factory=list)


class Shapes(Generic[Reads]):
    """The templates of the digests seen last, for any thread; `Reads` is what a template was made from beside these."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[Hashable, _Shape[Reads]] = OrderedDict()
        self._lock = threading.Lock()

    def find(
        self, key: Hashable, literals: tuple[str, ...], context: SessionContext, holds: Callable[[Reads], bool]
    ) -> Translation | None:
        """Give the translation for these literals by a template whose reads still hold."""
        with self._lock:
            shape = self._shapes.get(key)
            templates = [] if shape is None else list(shape.templates)
        for reads, template in templates:
            filled = template.filled(literals, context)
            if filled is not None and holds(reads):
                return filled
        return None

    def see(self, key: Hashable, literals: tuple[str, ...]) -> frozenset[int] | None:
        """Note a digest that no template served; gives which literals a new one leaves open, None for no new one."""
        with self._lock:
            shape = self._shapes.get(key)
            if shape is None:
                self._shapes[key] = _Shape(literals)
                while len(self._shapes) > _MOST:
                    self._shapes.popitem(last=False)
                return None
            self._shapes.move_to_end(key)
            shape.varying |= {at for at, text in enumerate(literals) if text != shape.literals[at]}
            shape.literals = literals
            shape.tries += 1
            return shape.varying if shape.tries <= _TRIES else None

    def keep(self, key: Hashable, reads: Reads, template: Template) -> None:
        """Keep a template, the newest first."""
        with self._lock:
            shape = self._shapes.get(key)
            if shape is not None:
                shape.templates.insert(0, (reads, template))
                del shape.templates[_TEMPLATES:]
