"""Models between servers: ML_MODEL_EXPORT and ML_MODEL_IMPORT, of models trained here and of those in ONNX."""

import base64
import binascii
import json
from typing import Any

from base.errors import BackendError
from proxy.backend.preflight import quote_name
from proxy.ml import catalog, engine, models
from proxy.ml.arguments import Arguments, set_text
from proxy.ml.backend import MLError, attempt, run, select, text_literal
from proxy.ml.catalog import ModelRow
from proxy.ml.names import TableName, read_name
from proxy.routing.router import Router

ONNX = "ONNX"  # formats begin with it
OWN = b"WFMODEL"  # models that were trained here begin with it
_UNKNOWN_COLUMN = 1054


async def export(router: Router, given: Arguments) -> None:
    """ML_MODEL_EXPORT(handle, output table).

    One that was trained here goes over on the backend as it is; one in ONNX is written as Base64, which HeatWave reads.
    """
    model = await catalog.find(router, given.text(0, "The model's handle"))
    output = read_name(given.values[1], "The table to write")
    metadata = await catalog.metadata(router, model)
    is_onnx = str(metadata.get("format", "")).upper().startswith(ONNX)
    await run(
        router,
        f"CREATE TABLE {output.quoted} (chunk_id INT UNSIGNED NOT NULL PRIMARY KEY,"
        f" model_object {'LONGTEXT CHARACTER SET ascii' if is_onnx else 'LONGBLOB'}, model_metadata JSON)"
        " ENGINE=InnoDB CHARACTER SET utf8mb4",
    )
    try:
        if is_onnx:
            await _write_file(router, model, output, metadata)
        else:
            await run(router, _copying(model, output.quoted))
    except BackendError:
        await attempt(router, f"DROP TABLE {output.quoted}")
        raise


def _copying(model: ModelRow, output: str) -> str:
    schema, handle = quote_name(model.schema), text_literal(model.handle)
    return (
        f"INSERT INTO {output} SELECT o.chunk_id, o.model_object, IF(o.chunk_id = 1, c.model_metadata, NULL)"
        f" FROM {schema}.MODEL_OBJECT_CATALOG o JOIN {schema}.MODEL_CATALOG c ON c.model_handle = o.model_handle"
        f" WHERE o.model_handle = {handle} COLLATE utf8mb4_bin"
    )


async def _write_file(router: Router, model: ModelRow, output: TableName, metadata: dict[str, Any]) -> None:
    most = await catalog.chunk_size(router) // 4 * 3  # a multiple of three bytes, whose Base64 can be joined
    part = 0
    while True:
        asked: dict[str, Any] = {"model": model.key, "part": part, "most": most}
        (data,) = await models.with_model(router, model, lambda asked=asked: engine.ask(router, "file", **asked))  # type: ignore[misc]
        if not data:
            return
        told = {key: value for key, value in metadata.items() if key not in ("chunks", "checksum")}
        shown = text_literal(json.dumps(told, ensure_ascii=False)) if part == 0 else "NULL"
        packed = base64.b64encode(data).decode()
        await run(router, f"INSERT INTO {output.quoted} VALUES ({part + 1}, '{packed}', {shown})")
        part += 1


async def import_model(router: Router, given: Arguments) -> None:
    """ML_MODEL_IMPORT(object or NULL, metadata, handle): the handle is a variable, or a name."""
    metadata = _metadata(given.values[1])
    schema = await catalog.ensure(router)
    token, table = "", "imported"
    data = given.data(0)
    if data is None:
        name = _table(metadata)
        table = name.shown
        number = 1
        while (chunk := await _exported_chunk(router, name.quoted, number)) is not None:
            token = await models.bring_part(router, token, chunk)
            number += 1
        metadata = {**await _exported_metadata(router, name.quoted), **metadata}
    else:
        token = await models.bring_part(router, token, _object(data))
    if not token:
        raise MLError(f"There is no model in {table}")
    handle = await models.new_handle(router, given.values[2], table)
    opened = await engine.ask_json(router, "import", token=token, schema=schema, handle=handle, options=_told(metadata))
    if notes := metadata.get("notes"):
        opened["metadata"]["notes"] = notes
    await models.store(router, schema, handle, opened)
    if given.variables[2]:
        await set_text(router, given.variables[2], handle)


def _object(data: bytes) -> bytes:
    """The bytes of a model, which come as they are or in Base64."""
    if data.startswith(OWN):
        return data
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise MLError("The model's object has to be Base64 text, or what ML_MODEL_EXPORT wrote") from None


def _table(metadata: dict[str, Any]) -> TableName:
    schema, table = metadata.get("schema"), metadata.get("table")
    if not isinstance(schema, str) or not isinstance(table, str):
        raise MLError(
            "Without an object the metadata has to name a table that has it, as "
            "JSON_OBJECT('schema', 'shop', 'table', 'exported')"
        )
    return TableName(schema, table)


def _told(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in ("schema", "table")}


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except RecursionError:
        raise MLError("The model's metadata is nested too deeply") from None
    except ValueError as problem:
        raise MLError(f"The model's metadata is not valid JSON: {problem}") from None
    if not isinstance(found, dict):
        raise MLError("The model's metadata has to be a JSON object")
    return found


async def _exported_chunk(router: Router, table: str, number: int) -> bytes | None:
    answer = await run(router, f"SELECT model_object FROM {table} WHERE chunk_id = {number}")
    return answer.rows[0][0] if answer.rows else None


async def _exported_metadata(router: Router, table: str) -> dict[str, Any]:
    """What stands beside the first chunk; a table may have no such column."""
    try:
        rows = await select(router, ["model_metadata"], f"FROM {table} WHERE chunk_id = 1")
    except BackendError as error:
        if error.number != _UNKNOWN_COLUMN:
            raise
        return {}
    return _metadata(rows[0][0]) if rows else {}
