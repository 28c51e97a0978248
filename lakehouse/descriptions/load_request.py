"""What a call of heatwave_load asks for: its list of schemas and tables, and its options, read and checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from base.errors import LakeError

MODES = ("normal", "dryrun", "validation")
OUTPUTS = ("normal", "compact", "silent", "help")
POLICIES = ("disable_unsupported_columns", "not_disable_unsupported_columns")
_IGNORED = ("set_load_parallelism", "auto_enc")  # of HeatWave's own storage: there is nothing here to set
_OPTIONS = ("mode", "output", "sql_mode", "policy", "exclude_list", "external_tables", "refresh_external_tables")
_OLD_TABLE = ("table_name", "dialect", "file", "sampling", "auto_refresh_event_source")


@dataclass(frozen=True, slots=True)
class LoadTable:
    """One table; `attribute` describes the files that it is to be made of."""

    name: str
    attribute: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LoadSchema:
    """A schema: all of its tables when `tables` is None, but for those excluded (names in lower case)."""

    name: str
    tables: tuple[LoadTable, ...] | None = None
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A whole call. Names in `excluded` are "schema" or "schema.table", in lower case."""

    schemas: tuple[LoadSchema, ...]
    mode: str = "normal"
    output: str = "normal"
    sql_mode: str | None = None
    policy: str = POLICIES[0]
    refresh: bool = False
    excluded: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    def leaves_out(self, schema: LoadSchema, table: str) -> bool:
        """Tell whether a table of a schema is excluded."""
        names = {schema.name.casefold(), f"{schema.name.casefold()}.{table.casefold()}"}
        return table.casefold() in schema.excluded or bool(names & self.excluded)


def read_request(listed: str | None, options: str | None) -> LoadRequest:
    """Read both arguments, JSON texts; an empty list asks for help. Raises LakeError."""
    given = _parsed(options, "the options") or {}
    if not isinstance(given, Mapping):
        raise LakeError("the options of heatwave_load are no JSON object")
    for key in given:
        if key not in (*_OPTIONS, *_IGNORED):
            raise LakeError(f'option "{key}" of heatwave_load is not known: {", ".join(_OPTIONS)} are')
    items = _parsed(listed, "the list") or []
    if not isinstance(items, list):
        raise LakeError("the first argument of heatwave_load is no JSON array")
    external = given.get("external_tables") or []
    if not isinstance(external, list):
        raise LakeError('option "external_tables" is no array')
    schemas = [*map(_schema, items), *(_old_schema(item) for item in external)]
    return LoadRequest(
        tuple(schemas),
        _one_of(given, "mode", MODES),
        _one_of(given, "output", OUTPUTS) if schemas else "help",
        _text(given, "sql_mode"),
        _one_of(given, "policy", POLICIES),
        _flag(given, "refresh_external_tables"),
        _excluded(given.get("exclude_list") or []),
        tuple(f'option "{key}" has nothing to set here' for key in _IGNORED if key in given),
    )


def _parsed(text: str | None, what: str) -> Any:
    if text is None or not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise LakeError(f"{what} of heatwave_load is no valid JSON") from None


def _schema(item: Any) -> LoadSchema:
    if isinstance(item, str) and item:
        return LoadSchema(item)
    name = _name(item, "db_name", "an entry of the list", ("db_name", "tables", "exclude_tables"))
    tables = item.get("tables")
    if tables is not None and (not isinstance(tables, list) or not tables):
        raise LakeError(f'"tables" of {name} is no array of at least one table')
    excluded = item.get("exclude_tables") or []
    if not isinstance(excluded, list) or not all(isinstance(one, str) for one in excluded):
        raise LakeError(f'"exclude_tables" of {name} is no array of names')
    found = None if tables is None else tuple(_table(table) for table in tables)
    return LoadSchema(name, found, frozenset(one.casefold() for one in excluded))


def _table(item: Any) -> LoadTable:
    if isinstance(item, str) and item:
        return LoadTable(item)
    name = _name(item, "table_name", 'an entry of "tables"', ("table_name", "engine_attribute"))
    attribute = item.get("engine_attribute")
    if attribute is not None and not isinstance(attribute, dict):
        raise LakeError(f'"engine_attribute" of {name} is no object')
    return LoadTable(name, attribute)


def _old_schema(item: Any) -> LoadSchema:
    name = _name(item, "db_name", 'an entry of "external_tables"', ("db_name", "tables"))
    tables = item.get("tables")
    if not isinstance(tables, list) or not tables:
        raise LakeError(f'"tables" of {name} is no array of at least one table')
    found = []
    for table in tables:
        table_name = _name(table, "table_name", f'an entry of "tables" of {name}', _OLD_TABLE)
        found.append(LoadTable(table_name, {key: value for key, value in table.items() if key != "table_name"}))
    return LoadSchema(name, tuple(found))


def _name(item: Any, key: str, what: str, known: tuple[str, ...]) -> str:
    if not isinstance(item, Mapping):
        raise LakeError(f"{what} is neither a name nor an object")
    for given in item:
        if given not in known:
            raise LakeError(f'key "{given}" of {what} is not known: {", ".join(known)} are')
    name = item.get(key)
    if not isinstance(name, str) or not name:
        raise LakeError(f'{what} has no "{key}"')
    return name


def _one_of(given: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = given.get(key)
    if value is None:
        return choices[0]
    if not isinstance(value, str) or value.lower() not in choices:
        raise LakeError(f'option "{key}" is one of {", ".join(choices)}')
    return value.lower()


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise LakeError(f'option "{key}" is no text')
    return value


def _flag(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise LakeError(f'option "{key}" is not true or false')
    return value


def _excluded(names: Any) -> frozenset[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LakeError('option "exclude_list" is no array of names')
    for name in names:
        if name.count(".") > 1:
            raise LakeError(f'option "exclude_list": columns are not left out one by one: {name}')
    return frozenset(name.casefold() for name in names)
