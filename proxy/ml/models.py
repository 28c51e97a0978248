"""Models between the catalog and the engine: brought there when first used, stored when trained or imported."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from base.errors import BackendError
from proxy.engine.told import ModelNotHere
from proxy.ml import catalog, engine
from proxy.ml.backend import MLError, user_name
from proxy.ml.catalog import ModelRow, Writing
from proxy.routing.router import Router

T = TypeVar("T")
_PART = 8 << 20  # bytes that one command brings to the engine


async def with_model(router: Router, model: ModelRow, act: Callable[[], Awaitable[T]]) -> T:
    """Do something with a model, which is brought to the engine first when it is not there. Raises BackendError."""
    return await with_models(router, [model], act)


async def with_models(router: Router, models: Iterable[ModelRow], act: Callable[[], Awaitable[T]]) -> T:
    """The same with several, of which all are brought: the engine tells only that one is not there."""
    try:
        return await act()
    except ModelNotHere:
        for model in {tuple(each.key): each for each in models}.values():
            await bring(router, model)
        return await act()


async def bring(router: Router, model: ModelRow) -> None:
    """Give the engine a model's object out of the catalog, read as the user. Raises BackendError."""
    if not model.key[2]:
        raise MLError(f"Model {model.handle} has no checksum in its metadata, so its object cannot be trusted")
    token = ""
    async for chunk in catalog.chunks(router, model):
        token = await bring_part(router, token, chunk)
    if not token:
        raise MLError(f"Model {model.handle} has no object in {model.schema}.MODEL_OBJECT_CATALOG")
    await engine.ask(router, "open", token=token, model=model.key)


async def bring_part(router: Router, token: str, data: bytes) -> str:
    """Give the engine the next part of an object; gives the token for the part behind it."""
    for start in range(0, max(len(data), 1), _PART):
        answer = await engine.ask(router, "bring", attributes={"wf_model": data[start : start + _PART]}, token=token)
        token = answer[0].decode()
    return token


async def new_handle(router: Router, given: str | None, table: str) -> str:
    """The handle of a model to be made. Raises MLError when a model of this name is there that can be used."""
    if given is None or not given.strip():
        return f"{table}_{await user_name(router)}_{time.time_ns() // 1000}"  # several may begin in one second
    if len(given) > 255:
        raise MLError("A model's handle has at most 255 characters")
    there = await catalog.read_own(router, given)
    if there is not None and there.status != "Error":
        raise catalog.taken(given)
    return given


async def store(router: Router, schema: str, handle: str, trained: dict[str, Any]) -> None:
    """Write a model that the engine keeps under `trained["token"]` into the user's catalog.

    Raises BackendError: MLError too, when somebody has made a model of this name meanwhile.
    """
    most = await catalog.chunk_size(router)
    metadata = {**trained["metadata"], "status": "Ready", "checksum": trained["checksum"]}
    writing = Writing(router, schema, handle)
    try:
        await writing.begin()
        for part in range((trained["size"] + most - 1) // most):
            (data,) = await engine.ask(router, "chunk", token=trained["token"], part=part, most=most)
            await writing.chunk(data)
        await writing.finish(metadata, trained["explanation"], trained["size"])
    except BaseException as problem:
        if not router.session.closed:
            await writing.undo()
        if isinstance(problem, MLError):  # the engine has it; the other one of this name is brought there again
            await engine.ask(router, "unload", schema=schema, handle=handle)
        raise


async def store_failure(router: Router, schema: str, handle: str, metadata: dict[str, Any], why: BackendError) -> None:
    """Note a training that failed, as HeatWave does: status Error, the message among the notes."""
    writing = Writing(router, schema, handle)
    try:
        await writing.begin()
        await writing.finish({**metadata, "status": "Error", "notes": str(why)}, None, 0)
    except BackendError:
        await writing.undo()
