"""The model catalog: ordinary tables of the backend in a schema of each owner, read and written as the user.

So GRANT, backup and replication hold for models. A model's row and the chunks of its object are one transaction.
Source of names and columns: the HeatWave manual's pages on the model catalog.
"""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from base.errors import BackendError
from proxy.backend.preflight import quote_name
from proxy.ml.backend import (
    MLError,
    attempt,
    checked,
    in_transaction,
    run,
    select,
    text_literal,
    user_name,
)
from proxy.routing.router import Router
from statements.ml import CATALOGS

CHUNK = 4 << 20  # bytes of a model's object in one row
_MARGIN = 1 << 16  # bytes of a statement around a chunk
_NOT_THERE = (1146, 1049, 1142)  # without a catalog of one's own there is no table or schema, or it is denied
_DUPLICATE = 1062
_CREATE = (
    "CREATE TABLE IF NOT EXISTS {schema}.MODEL_CATALOG ("
    "model_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
    " model_handle VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE,"
    " model_object JSON, model_owner VARCHAR(255), build_timestamp BIGINT, target_column_name VARCHAR(255),"
    " train_table_name VARCHAR(255), model_object_size BIGINT UNSIGNED, model_type VARCHAR(255), task VARCHAR(64),"
    " column_names JSON, model_explanation JSON, last_accessed BIGINT, model_metadata JSON, notes LONGTEXT"
    ") ENGINE=InnoDB CHARACTER SET utf8mb4",
    "CREATE TABLE IF NOT EXISTS {schema}.MODEL_OBJECT_CATALOG ("
    "chunk_id INT UNSIGNED NOT NULL, model_handle VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
    " model_object LONGBLOB NOT NULL, PRIMARY KEY (model_handle, chunk_id)) ENGINE=InnoDB CHARACTER SET utf8mb4",
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as its row in a catalog has it. `schema` is that of the catalog, `status` Ready or Error."""

    schema: str
    handle: str
    checksum: str
    status: str
    notes: str

    @property
    def key(self) -> list[str]:
        """What the engine knows the model by."""
        return [self.schema, self.handle, self.checksum]


def schema_of(owner: str) -> str:
    """The schema of a user's models."""
    return CATALOGS + owner


def _table(schema: str, name: str = "MODEL_CATALOG") -> str:
    return f"{quote_name(schema)}.{name}"


def _is(handle: str) -> str:
    return f"WHERE model_handle = {text_literal(handle)} COLLATE utf8mb4_bin"


async def find(router: Router, handle: str, owner: str | None = None) -> ModelRow:
    """Find a model that can be used: the user's own, or of an owner who has granted SELECT on the catalog.

    Raises BackendError: 1142 for a model of somebody else that is not granted; MLError when there is none.
    """
    return usable(await look(router, handle, owner))


def usable(model: ModelRow) -> ModelRow:
    """Give a model whose training has not failed. Raises MLError."""
    if model.status == "Error":
        raise MLError(f"Model {model.handle} cannot be used: its training failed ({model.notes or 'no reason'})")
    return model


def taken(handle: str) -> MLError:
    """The error of a name that a model has which can be used."""
    return MLError(f"There is a model {handle} already: set the variable to NULL or to another name")


def seeking(schema: str, handle: str) -> str:
    """The SELECT of a model's row, by an expression for its handle: one JSON array."""
    told = [f"JSON_UNQUOTE(JSON_EXTRACT(model_metadata, '$.{key}'))" for key in ("checksum", "status")]
    wanted = f"CONVERT(({handle}) USING utf8mb4) COLLATE utf8mb4_bin"
    array = f"JSON_ARRAY(model_handle, {', '.join(told)}, notes)"
    return f"SELECT {array} FROM {_table(schema)} WHERE model_handle = {wanted}"


def read_row(schema: str, row: str | None) -> ModelRow | None:
    """Read the answer to it; None for no such model."""
    if row is None:
        return None
    handle, checksum, status, notes = (value or "" for value in json.loads(row))
    return ModelRow(schema, handle, checksum, status, notes)


async def look(router: Router, handle: str, owner: str | None = None) -> ModelRow:
    """As `find`, whatever the model's status."""
    own = await user_name(router)
    owner = owner or router.session.state.ml_owners.get(handle)
    if owner is not None and owner != own:
        found = await _read(router, schema_of(owner), handle)
        if found is None:
            raise MLError(f"User {owner} has no model {handle}")
        return found
    if found := await read_own(router, handle):
        return found
    return await _read_shared(router, handle, own)


async def read_own(router: Router, handle: str) -> ModelRow | None:
    """Give the user's own model of this name; None when there is none."""
    try:
        return await _read(router, schema_of(await user_name(router)), handle)
    except BackendError as error:
        if error.number in _NOT_THERE:
            return None
        raise


async def _read_shared(router: Router, handle: str, own: str) -> ModelRow:
    """Look in the catalogs that the user is shown; a generated handle names its owner."""
    listed = await select(
        router,
        ["TABLE_SCHEMA"],
        "FROM information_schema.TABLES WHERE TABLE_NAME = 'MODEL_CATALOG'"
        f" AND LEFT(TABLE_SCHEMA, {len(CATALOGS)}) = '{CATALOGS}' ORDER BY 1",
    )
    for (schema,) in listed:
        if schema and schema != schema_of(own) and (found := await _read(router, schema, handle)):
            return found
    _, _, rest = handle.rpartition(".")
    parts = rest.split("_")
    if len(parts) > 2 and parts[-1].isdigit() and parts[-2] != own:
        await _read(router, schema_of(parts[-2]), handle)  # says 1142 when it is not granted
    raise MLError(f"There is no model {handle} that this user may use; see {schema_of(own)}.MODEL_CATALOG")


async def _read(router: Router, schema: str, handle: str) -> ModelRow | None:
    return read_row(schema, (await select(router, [seeking(schema, text_literal(handle))]))[0][0])


async def metadata(router: Router, model: ModelRow) -> dict[str, Any]:
    """Give a model's `model_metadata`. Raises BackendError."""
    rows = await select(router, ["model_metadata"], f"FROM {_table(model.schema)} {_is(model.handle)}")
    found = json.loads(rows[0][0] or "{}") if rows else {}
    return found if isinstance(found, dict) else {}


async def metadata_of(router: Router, schema: str, handles: Sequence[str]) -> dict[str, Any]:
    """Give `model_metadata` of those of a catalog's models that are there to be read, by their handles.

    Raises BackendError.
    """
    if not handles:
        return {}
    wanted = ", ".join(f"{text_literal(handle)} COLLATE utf8mb4_bin" for handle in handles)
    rest = f"FROM {_table(schema)} WHERE model_handle IN ({wanted})"
    try:
        rows = await select(router, ["model_handle", "model_metadata"], rest)
    except BackendError as error:
        if error.number in _NOT_THERE:
            return {}
        raise
    return {str(handle): json.loads(metadata or "{}") for handle, metadata in rows}


async def chunks(router: Router, model: ModelRow) -> AsyncIterator[bytes]:
    """Give a model's object in pieces, as the user may read them."""
    number = 1
    while True:
        text = f"SELECT model_object FROM {_table(model.schema, 'MODEL_OBJECT_CATALOG')} {_is(model.handle)}"
        answer = await run(router, f"{text} AND chunk_id = {number}")
        if not answer.rows:
            return
        yield answer.rows[0][0] or b""
        number += 1


async def ensure(router: Router) -> str:
    """Make the user's catalog when there is none, and give its schema. Raises BackendError."""
    schema = schema_of(await user_name(router))
    for table in ("MODEL_CATALOG", "MODEL_OBJECT_CATALOG"):
        seen = await attempt(router, f"SELECT 1 FROM {_table(schema, table)} LIMIT 0")
        if seen.error:
            break
    else:
        return schema  # CREATE would commit what the user has open
    made = await attempt(router, f"CREATE DATABASE IF NOT EXISTS {quote_name(schema)}")
    for statement in _CREATE:
        table_made = await attempt(router, statement.format(schema=quote_name(schema)))
        if error := table_made.error and (made.error or table_made.error):
            raise BackendError(error.number, error.sqlstate, error.message)
    return schema


async def chunk_size(router: Router) -> int:
    """Bytes of a chunk that one statement can write; a byte takes two characters there."""
    packet = int((await select(router, ["@@max_allowed_packet"]))[0][0] or 0)
    return max(1 << 12, min(CHUNK, (packet - _MARGIN) // 2))


class Writing:
    """One model's row and chunks, as one transaction; inside one of the user's own that one decides."""

    def __init__(self, router: Router, schema: str, handle: str) -> None:
        self._router = router
        self._schema = schema
        self._handle = handle
        self._inside = in_transaction(router)
        self._chunks = 0

    async def begin(self) -> None:
        """Begin, and take the place of a model whose training failed, and of an object whose row was deleted.

        Nothing is deleted that is not there: two who write the same new name would wait for each other's gaps.
        Raises MLError when a model of this name is there that can be used: one made meanwhile is not written over.
        """
        await run(self._router, "SAVEPOINT warmfront_ml" if self._inside else "START TRANSACTION")
        there = await _read(self._router, self._schema, self._handle)
        if there is not None and there.status != "Error":
            raise taken(self._handle)
        for table in ("MODEL_CATALOG", "MODEL_OBJECT_CATALOG"):
            rest = f"{_table(self._schema, table)} {_is(self._handle)}"
            if await select(self._router, ["COUNT(*) > 0"], f"FROM {rest}") == [["1"]]:
                await run(self._router, f"DELETE FROM {rest}")

    async def chunk(self, data: bytes) -> None:
        """Write the next chunk."""
        self._chunks += 1
        head = (
            f"INSERT INTO {_table(self._schema, 'MODEL_OBJECT_CATALOG')} (chunk_id, model_handle, model_object) VALUES "
        )
        await self._insert(f"{head}({self._chunks}, {text_literal(self._handle)}, x'{data.hex()}')")

    async def finish(self, metadata: dict[str, Any], explanation: Any, size: int) -> None:
        """Write the row and commit."""
        metadata = {**metadata, "chunks": self._chunks}
        owner = self._schema.removeprefix(CATALOGS)
        columns = {
            "model_handle": text_literal(self._handle),
            "model_owner": text_literal(owner),
            "build_timestamp": str(int(metadata.get("build_timestamp") or time.time())),
            "target_column_name": _optional(metadata.get("target_column_name")),
            "train_table_name": _optional(metadata.get("train_table_name")),
            "model_object_size": str(size),
            "model_type": _optional(metadata.get("algorithm_name")),
            "task": _optional(metadata.get("task")),
            "column_names": _json(metadata.get("column_names")),
            "model_explanation": _json(explanation),
            "last_accessed": "NULL",
            "model_metadata": _json(metadata),
            "notes": _optional(metadata.get("notes") or None),
        }
        names, values = ", ".join(columns), ", ".join(columns.values())
        await self._insert(f"INSERT INTO {_table(self._schema)} ({names}) VALUES ({values})")
        await run(self._router, "RELEASE SAVEPOINT warmfront_ml" if self._inside else "COMMIT")

    async def _insert(self, statement: str) -> None:
        """Write something of the model; who has the same name and was first is waited for. Raises MLError for it."""
        written = await attempt(self._router, statement)
        if written.error and written.error.number == _DUPLICATE:
            raise taken(self._handle)
        checked(written)

    async def undo(self) -> None:
        """Leave nothing behind; what a KILL has interrupted is said once more."""
        for _ in range(2):
            ended = await attempt(self._router, "ROLLBACK TO warmfront_ml" if self._inside else "ROLLBACK")
            if ended.error is None:
                return


async def touch(router: Router, model: ModelRow) -> None:
    """Note that a model was used, where that is no part of a transaction of the user's and the user may write it."""
    if not in_transaction(router):
        table = _table(model.schema)
        await attempt(router, f"UPDATE {table} SET last_accessed = UNIX_TIMESTAMP() {_is(model.handle)}")


async def explain(router: Router, model: ModelRow, explanation: Any) -> None:
    """Add an explanation to those in a model's row, in both places that have them. Raises BackendError."""
    added = f"JSON_MERGE_PATCH(COALESCE(model_explanation, '{{}}'), {_json(explanation)})"
    told = f"JSON_SET(model_metadata, '$.model_explanation', {added})"
    changed = f"model_metadata = {told}, model_explanation = {added}"  # each of the explanations that were there
    await run(router, f"UPDATE {_table(model.schema)} SET {changed} {_is(model.handle)}")


def _optional(value: Any) -> str:
    return text_literal(None if value is None else str(value))


def _json(value: Any) -> str:
    return "NULL" if value is None else text_literal(json.dumps(value, ensure_ascii=False))
