"""What each procedure of AutoML does: a table of names."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from base.errors import BackendError
from proxy.ml import catalog, engine, models, moving
from proxy.ml.arguments import Arguments, set_json, set_number, set_text
from proxy.ml.backend import MLError, attempt, user_name
from proxy.ml.in_place import answer_in_place
from proxy.ml.names import read_name
from proxy.ml.outputs import Output, piece_size, shape_of, write_outputs
from proxy.ml.source import read_source
from proxy.routing.router import Router
from statements.ml import CATALOGS

Procedure = Callable[[Router, Arguments], Awaitable[None]]

_TRAINING_FAILED = "WFM02"  # the engine's state for what training itself came upon
_BRIEF = ("task", "format")  # what somebody else is told of a model
_METADATA = ("item_metadata", "user_metadata")  # options that name further tables


async def train(router: Router, given: Arguments) -> None:
    """ML_TRAIN(table, target, options, INOUT handle)."""
    name = read_name(given.values[0], "The table to train on")
    options = given.options(2)
    source = await read_source(router, name)
    schema = await catalog.ensure(router)
    handle = await models.new_handle(router, given.values[3], name.shown)
    attached = [await _attach(router, options or {}, key) for key in _METADATA if (options or {}).get(key)]
    try:
        trained = await engine.ask_json(
            router,
            "train",
            **source.asked,
            target=given.values[1],
            options=options,
            schema=schema,
            handle=handle,
            attached=attached,
        )
    except BackendError as error:
        if error.sqlstate != _TRAINING_FAILED:
            raise
        failure = MLError(str(error))
        known = {"task": (options or {}).get("task", "classification"), "options": options}
        known |= {"train_table_name": name.shown, "target_column_name": given.values[1]}
        await models.store_failure(router, schema, handle, known, failure)
        raise failure from None
    await models.store(router, schema, handle, trained)
    await set_text(router, given.variables[3], handle)


async def _attach(router: Router, options: dict[str, Any], key: str) -> str:
    """Give the engine a table that the options name, read as the user; gives its token."""
    described = options[key]
    if not isinstance(described, dict) or not isinstance(described.get("table_name"), str):
        raise MLError(
            f"Option '{key}' has to be a JSON object with 'table_name', as JSON_OBJECT('table_name', 'shop.items')"
        )
    source = await read_source(router, read_name(described["table_name"], f"The table of '{key}'"))
    reading = {**source.asked, "table": described["table_name"]}
    return (await engine.ask(router, "attach", **reading))[0].decode()


async def predict_table(router: Router, given: Arguments) -> None:
    """ML_PREDICT_TABLE(table, handle, output table, options)."""
    await _answer_table(router, given, "predict")


async def explain_table(router: Router, given: Arguments) -> None:
    """ML_EXPLAIN_TABLE(table, handle, output table, options)."""
    await _answer_table(router, given, "explain")


async def _answer_table(router: Router, given: Arguments, function: str) -> None:
    name = read_name(given.values[0], "The table to read")
    output = read_name(given.values[2], "The table to write")
    model = await catalog.find(router, given.text(1, "The model's handle"))
    options = given.options(3)
    source = await read_source(router, name)
    most = await piece_size(router)
    asked = {"model": model.key, "options": options, "function": function, "most": most}
    if output == name:
        await answer_in_place(router, source, model, asked)
        return await catalog.touch(router, model)
    shape = await shape_of(router, source)
    await _check_absent(router, output.quoted, output.shown)
    head = await models.with_model(router, model, lambda: engine.ask_json(router, "table", **source.asked, **asked))
    await write_outputs(router, [Output(output, source, head["columns"], shape)], head["token"])
    return await catalog.touch(router, model)


async def split(router: Router, given: Arguments) -> None:
    """TRAIN_TEST_SPLIT(table, target, options)."""
    name = read_name(given.values[0], "The table to split")
    options = given.options(2)
    source = await read_source(router, name)
    shape, most = await shape_of(router, source), await piece_size(router)
    parts = [name.beside("_train"), name.beside("_test")]
    for part in parts:
        await _check_absent(router, part.quoted, part.shown)
    asked = {"target": given.values[1], "options": options, "function": "split", "most": most}
    head = await engine.ask_json(router, "table", **source.asked, **asked)
    await write_outputs(router, [Output(part, source, (), shape) for part in parts], head["token"])


async def _check_absent(router: Router, quoted: str, shown: str) -> None:
    """Refuse before anything is computed what CREATE TABLE would refuse behind it."""
    seen = await attempt(router, f"SELECT 1 FROM {quoted} LIMIT 0")
    if seen.error is None:
        raise BackendError(1050, "42S01", f"Table '{shown}' already exists")


async def score(router: Router, given: Arguments) -> None:
    """ML_SCORE(table, target, handle, metric, OUT score, options)."""
    name = read_name(given.values[0], "The table to score on")
    model = await catalog.find(router, given.text(2, "The model's handle"))
    source = await read_source(router, name)
    asked = {
        **source.asked,
        "model": model.key,
        "target": given.values[1],
        "metric": given.text(3, "The metric"),
        "options": given.options(5),
    }
    found = await models.with_model(router, model, lambda: engine.ask_json(router, "score", **asked))
    await set_number(router, given.variables[4], found)
    await catalog.touch(router, model)


async def explain(router: Router, given: Arguments) -> None:
    """ML_EXPLAIN(table, target, handle, options): the catalog's model_explanation is the answer."""
    name = read_name(given.values[0], "The table to explain with")
    model = await catalog.find(router, given.text(2, "The model's handle"))
    options = given.options(3)
    source = await read_source(router, name)
    asked = {**source.asked, "model": model.key, "target": given.values[1], "options": options}
    found = await models.with_model(router, model, lambda: engine.ask_json(router, "explain", **asked))
    await catalog.explain(router, model, found)


async def load(router: Router, given: Arguments) -> None:
    """ML_MODEL_LOAD(handle, user)."""
    handle, owner = given.text(0, "The model's handle"), given.values[1]
    model = await catalog.find(router, handle, owner)
    await models.with_model(router, model, partial(engine.ask, router, "ready", model=model.key))
    await catalog.touch(router, model)
    if model.schema != catalog.schema_of(await user_name(router)):
        router.session.state.ml_owners[handle] = model.schema.removeprefix(CATALOGS)


async def unload(router: Router, given: Arguments) -> None:
    """ML_MODEL_UNLOAD(handle)."""
    model = await catalog.find(router, given.text(0, "The model's handle"))
    await engine.ask(router, "unload", schema=model.schema, handle=model.handle)
    router.session.state.ml_owners.pop(model.handle, None)


async def active(router: Router, given: Arguments) -> None:
    """ML_MODEL_ACTIVE('current' | 'all' | NULL, OUT info)."""
    which = (given.values[0] or "current").lower()
    if which not in ("current", "all"):
        raise MLError(f"ML_MODEL_ACTIVE takes 'current', 'all' or NULL, not '{given.values[0]}'")
    own = catalog.schema_of(await user_name(router))
    listed = await engine.ask_json(router, "active", schema=own if which == "current" else "")
    size = {"total model size(bytes)": sum(each[2] for each in listed)}
    told: dict[str, Any] = {}
    if which == "current":
        told = {handle: metadata for _, handle, _, metadata in listed}
        told |= await catalog.metadata_of(router, own, list(told))
    else:
        for owner, handle, bytes_, metadata in sorted(listed, key=lambda each: (each[0], each[1])):
            brief = {key: metadata.get(key) for key in _BRIEF} | {"model_size(byte)": bytes_}
            told.setdefault(owner.removeprefix(CATALOGS), []).append({handle: brief})
    await set_json(router, given.variables[1], [size, told])


PROCEDURES: dict[str, Procedure] = {
    "ML_TRAIN": train,
    "ML_PREDICT_TABLE": predict_table,
    "ML_EXPLAIN_TABLE": explain_table,
    "ML_SCORE": score,
    "ML_EXPLAIN": explain,
    "ML_MODEL_LOAD": load,
    "ML_MODEL_UNLOAD": unload,
    "ML_MODEL_ACTIVE": active,
    "ML_MODEL_EXPORT": moving.export,
    "ML_MODEL_IMPORT": moving.import_model,
    "TRAIN_TEST_SPLIT": split,
}
