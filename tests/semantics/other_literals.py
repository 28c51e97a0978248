"""Whether a template of a statement gives what translating gives, for the same statement with other literals."""

import random
from typing import Any

import duckdb
import pyarrow as pa
import pymysql

from base.errors import SecondaryEngineError
from engine.translate.given import Trace
from engine.translate.refusal import Refusal
from engine.translate.template import template_of
from engine.translate.translator import Translation, translate
from statements.digest import digest, spans
from tests.semantics.harness import error_name

_LETTERS = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")


def others(statement: str, chance: random.Random) -> str:
    """Put other literals in a statement: each has letters and digits of its own, or stays as it is."""
    made, last = [], 0
    for begin, end in spans(statement):
        text = statement[begin:end]
        made += [statement[last:begin], _other(text, chance) if chance.random() < 0.8 else text]
        last = end
    return "".join([*made, statement[last:]])


def _other(text: str, chance: random.Random) -> str:
    """Change single characters: days stay days more often than not."""
    places = [at for at, letter in enumerate(text) if any(letter in letters for letters in _LETTERS)]
    if text[0] not in "'\"":
        places = [at for at in places if text[at].isdigit() and text[:2].isdecimal()][1:]  # no number gets shorter
    letters = list(text)
    for at in chance.sample(places, min(len(places), chance.choice((1, 1, 2, 40)))):
        kind = next(kind for kind in _LETTERS if letters[at] in kind)
        letters[at] = chance.choice(kind[1:])
    return "".join(letters)


def fault(bench: Any, statement: str, chance: random.Random) -> tuple[str, str]:
    """Fill a template for other literals: what came of it, and how it differs from what translating gives."""

    def translated(text: str, trace: Trace | None = None) -> Translation | Refusal:
        return translate(text, context, bench.view, definitions, bench.weigh, bench.zone, bench.cases, trace)

    try:
        definitions = bench.prepare(statement)
    except pymysql.err.MySQLError as problem:
        return error_name(problem), ""
    context = bench.context
    literals = digest(statement).literals
    plain, trace = translated(statement), Trace(context, frozenset(range(len(literals))))
    traced = translated(statement, trace)
    if isinstance(plain, Refusal) or isinstance(traced, Refusal):
        return "refused", ""
    template = template_of(traced, trace, literals)
    if template is None or template.filled(literals, context) != plain:
        return "no template", ""
    other = statement
    for _ in range(20):
        other = others(statement, chance)
        if digest(other).key != digest(statement).key:
            continue  # an apostrophe, a letter behind a number
        filled = template.filled(digest(other).literals, context)
        if filled is not None and digest(other).literals != literals:
            break
    else:
        return "nothing free" if not template.free else "never filled", ""
    if not _same(bench, other, definitions):
        return "described otherwise", ""
    wanted = translated(other)
    if wanted == filled or (isinstance(wanted, Translation) and _rows(bench, wanted) == _rows(bench, filled)):
        return "filled", ""  # for texts of all letters a key may be another that is exact too
    return "filled", f"{other}\n filled {filled}\n wanted {wanted}"


def _rows(bench: Any, translation: Translation) -> list[Any]:
    """The rows, sorted; none where it fails, for then the backend answers."""
    bench.register(translation)
    try:
        return sorted(bench.engine_rows(translation.sql, list(translation.definitions)), key=repr)
    except (duckdb.Error, pa.ArrowException, SecondaryEngineError):
        return []


def _same(bench: Any, statement: str, definitions: Any) -> bool:
    """Tell whether the backend describes it alike; what it does not accept never comes to the engine."""
    try:
        return bool(bench.prepare(statement) == definitions)
    except pymysql.err.MySQLError as problem:
        return not error_name(problem)
