"""The machine-learning part of the engine: what the proxy asks with `wf_ml`, a table of acts.

Training runs in a process of its own, everything else in threads here. What a client waits for stands in `started`,
so that KILL and a connection that ends stop it.
"""

import asyncio
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from automl import api
from automl.stored.nesting import check_nesting
from automl.table.source import Column, Source
from base.errors import MalformedPacket, QueryInterrupted, SecondaryEngineError
from engine.ml.answers import beside_text, looks_at_all, of_documents
from engine.ml.called import Called
from engine.ml.changing import lookup
from engine.ml.models import Damaged, Loaded, ModelKey, Models, as_bytes, checksum
from engine.ml.onnx_models import OnnxModels
from engine.ml.progress import RoutineProgress, Statistics
from engine.ml.requests import MLRequest, read_request
from engine.ml.source import OpenSource, Sources, kind_of
from engine.ml.tables import Making, Parts, TableJob, answered, as_they_are, divided, opened_rows
from engine.ml.training import Trained, memory_limit, train
from engine.running.answers import build_values
from engine.running.cancel import Running, RunningStatements
from engine.running.execute import Offload, as_ours, read_offload
from engine.running.history import History, QueryRecord
from engine.running.session import Query, split_definitions
from wire.responses import ColumnDefinition

T = TypeVar("T")
Act = Callable[[MLRequest, Query, list[Running]], Awaitable[list[bytes]]]

_THREADS = 16  # a table under way holds one
_CORES = os.cpu_count() or 1
_BATCH = 65536  # rows that a model answers for at once
_FEW = 1024  # the same for explanations, which take far more memory a row
_KEPT = 8  # containers on their way between here and the catalog
_LARGEST = 1 << 31  # bytes of a container
_SPLIT = b"\0"  # between JSON texts, in which it cannot be


class MachineLearning:
    """Answers the proxy's requests. `statistics` and `models` are for the information tables."""

    def __init__(self, sources: Sources, running: RunningStatements, history: History, memory: int) -> None:
        self.statistics = Statistics()
        self.models = Models()
        self.called = Called(self.models, self.statistics)
        self._sources = sources
        self._running = running
        self._history = history
        self._memory = memory_limit(memory)
        self._onnx = OnnxModels(self._memory)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ml")
        self._containers: OrderedDict[str, bytes] = OrderedDict()  # of models just trained, and of those brought here
        self._attached: OrderedDict[str, tuple[str, Offload]] = OrderedDict()  # further sources of a training, by token
        self._jobs: dict[str, TableJob] = {}
        self._acts: dict[str, Act] = {
            "attach": self._attach,
            "train": self._train,
            "chunk": self._chunk,
            "bring": self._bring,
            "open": self._open,
            "import": self._import,
            "file": self._file,
            "ready": self._ready,
            "unload": self._unload,
            "active": self._active,
            "rows": self._rows,
            "score": self._score,
            "explain": self._explain,
            "table": self._table,
            "change": self._change,
            "next": self._next,
            "stop": self._stop,
        }

    async def answer(self, query: Query, capabilities: int, started: list[Running]) -> bytes:
        """Answer one request with whole packets from sequence 1. Raises WarmfrontError."""
        request = read_request(query.attributes["wf_ml"])
        act = self._acts.get(request.act)
        if act is None:
            raise MalformedPacket("act of the machine-learning part")
        answer = await act(request, query, started)
        return build_values(answer, capabilities)

    async def stop(self) -> None:
        """End the threads; what runs has been cancelled."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._onnx.close()

    # --- training ---

    async def _attach(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """A further source for the training that comes next; answers with its token."""
        token = secrets.token_hex(8)
        self._attached[token] = request.table, _offload(query)
        while len(self._attached) > _KEPT:
            self._attached.popitem(last=False)
        return [token.encode()]

    async def _train(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        called = time.monotonic()  # processes of one machine have the same clock
        offload = _offload(query)
        _check_call(request, offload)  # what is wrong in the call is no failed training
        with self._started(request, started) as running, self._recorded("ML_TRAIN", request) as progress:
            progress.step("Initialization", 0)
            await self._sources.wait(offload, running)
            trained, cells = await self._in_thread(
                running, partial(self._trained, request, offload, running, progress, called)
            )
            progress.step("Storing the model", 95)
            model = await self._in_thread(running, partial(self._decoded, trained.data))
        mark = checksum(trained.data)
        self.models.put(ModelKey(request.schema, request.handle, mark), model, len(trained.data))
        self.statistics.add("ML_TRAIN", n_cells=cells, model_size_bytes=len(trained.data))
        token = self._keep(trained.data)
        head = {"metadata": trained.metadata, "explanation": trained.explanation}
        return [_json({**head, "checksum": mark, "size": len(trained.data), "token": token})]

    def _trained(
        self, request: MLRequest, offload: Offload, running: Running, progress: RoutineProgress, called: float
    ) -> tuple[Trained, int]:
        order = {"target": request.target, "options": request.options, "called": called}

        def told(step: dict[str, Any]) -> None:
            progress.step(step["step"], 2 + 93 * float(step["done"]), step["detail"])

        with ExitStack() as stack:
            opened = stack.enter_context(self._sources.open(offload, request.table, running))
            more = [self._attached.pop(token) for token in request.attached]
            others = [stack.enter_context(self._sources.open(other, table, running)) for table, other in more]
            trained = train([opened, *others], order, running, self._memory, told)
            return trained, int(trained.metadata.get("n_rows") or 0) * len(opened.columns)

    def _keep(self, data: bytes) -> str:
        token = secrets.token_hex(8)
        self._containers[token] = data
        while len(self._containers) > _KEPT:
            self._containers.popitem(last=False)
        return token

    async def _chunk(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """A part of a container for the catalog; the last one forgets it."""
        data = self._containers.get(request.token)
        if data is None:
            raise SecondaryEngineError("The model is not kept any more")
        end = (request.part + 1) * request.most
        if end >= len(data):
            del self._containers[request.token]
        return [data[request.part * request.most : end]]

    # --- models ---

    async def _bring(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """A part of a container from the catalog; answers with the token for the parts that follow."""
        token = request.token or self._keep(b"")
        data = self._containers.get(token)
        if data is None:
            raise SecondaryEngineError("The model is not kept any more")
        self._containers[token] = data + query.attributes.get("wf_model", b"")
        if len(self._containers[token]) > _LARGEST:
            del self._containers[token]
            raise SecondaryEngineError("The model is too large")
        return [token.encode()]

    async def _open(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """Decode what was brought and keep it under its key."""
        data = self._containers.pop(request.token, None)
        if data is None:
            raise SecondaryEngineError("The model is not kept any more")
        mark = checksum(data)
        key = request.key
        if key.checksum != mark:
            raise Damaged(key.handle)
        with self._started(request, started) as running:
            model = await self._in_thread(running, partial(self._decoded, data))
        self.models.put(key, model, len(data))
        return [b""]

    async def _import(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """Read a model from elsewhere, ours or in ONNX, and keep its container for the catalog as well."""
        brought = self._containers.pop(request.token, None)
        if brought is None:
            raise SecondaryEngineError("The model is not kept any more")
        with self._started(request, started) as running:
            model, data = await self._in_thread(running, partial(self._imported, brought, request.options))
        mark = checksum(data)
        self.models.put(ModelKey(request.schema, request.handle, mark), model, len(data))
        head = {"metadata": model.metadata(), "explanation": model.explanation()}
        return [_json({**head, "checksum": mark, "size": len(data), "token": self._keep(data)})]

    def _imported(self, brought: bytes, given: dict[str, Any] | None) -> tuple[api.Model, bytes]:
        data = as_bytes(brought)
        if api.is_own(data):
            return self._decoded(data), data
        model = api.imported(data, given or {}, self._onnx.open)
        return model, model.to_bytes()

    def _decoded(self, data: bytes) -> api.Model:
        """Read a model and use it once: the libraries that it needs are loaded here, not while a client waits."""
        model = api.load_model(data, self._onnx.open)
        with suppress(Exception):  # a row of NULLs may be no row for this model
            api.predict_row(model, dict.fromkeys(column.name for column in model.fitted.columns), None)
        return model

    async def _file(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """A part of the ONNX file of an imported model; nothing behind its end."""
        data = api.file_of(self.models.get(request.key).model) or b""
        return [data[request.part * request.most : (request.part + 1) * request.most]]

    async def _ready(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """Answer when the model is in memory. Raises ModelNotHere."""
        self.models.get(request.key)
        return [b""]

    async def _unload(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        return [b"1" if self.models.drop(request.schema, request.handle) else b"0"]

    async def _active(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        listed = [
            [key.schema, key.handle, loaded.size, loaded.model.metadata()]
            for key, loaded in self.models.listed()
            if request.schema in ("", key.schema)
        ]
        return [_json(listed)]

    # --- rows ---

    async def _rows(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        loaded = self.models.get(request.key)
        texts = query.attributes.get("wf_rows", b"")
        count = texts.count(_SPLIT) + 1
        if count == 1:
            answers = _one_row(loaded, texts, request)
        else:
            with self._started(request, started) as running:
                answers = await self._in_thread(running, partial(_many_rows, loaded, texts, request, running))
        self.statistics.add(f"ML_{request.function.upper()}_ROW", n_rows=count)
        return [answers]

    # --- whole tables ---

    async def _score(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        model = self.models.get(request.key).model

        def score(opened: OpenSource) -> float | None:
            return api.score(model, opened.whole(), request.target, request.metric, request.options)

        return [_json(await self._whole("ML_SCORE", score, request, query, started))]

    async def _explain(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        model = self.models.get(request.key).model

        def explain(opened: OpenSource) -> dict[str, Any]:
            return api.explain(model, opened.whole(), request.target, request.options)

        return [_json(await self._whole("ML_EXPLAIN", explain, request, query, started))]

    async def _whole(
        self, name: str, act: Callable[[OpenSource], T], request: MLRequest, query: Query, started: list[Running]
    ) -> T:
        offload = _offload(query)
        with self._started(request, started) as running, self._recorded(name, request):
            await self._sources.wait(offload, running)

            def work() -> T:
                with self._sources.open(offload, request.table, running) as opened:
                    return act(opened)

            found = await self._in_thread(running, work)
        self.statistics.add(name)
        return found

    async def _table(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """Begin a table of a source's rows."""
        made, name = self._maker(request)
        offload = _offload(query)

        async def opened(running: Running) -> Making:
            return await opened_rows(self._sources, offload, request.table, running, made)

        return await self._begin(request, name, opened, offload.definitions, started)

    async def _change(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """Begin the table of answers to rows that a statement changes."""
        loaded, packets = self.models.get(request.key), query.attributes.get("wf_rows", b"")

        async def opened(running: Running) -> Making:
            return partial(lookup, packets, partial(_answers, loaded, request=request, running=running))

        return await self._begin(request, f"ML_{request.function.upper()}_ROW", opened, [], started)

    async def _begin(
        self,
        request: MLRequest,
        name: str,
        opened: Callable[[Running], Awaitable[Making]],
        definitions: list[ColumnDefinition],
        started: list[Running],
    ) -> list[bytes]:
        """Begin a table: the answer has its token and the columns of the answers; `next` gives the rows."""
        running = self._running.start(request.connection_id, request.statement)
        started.append(running)
        loop = asyncio.get_running_loop()
        job, token = TableJob(running, loop), secrets.token_hex(8)
        try:
            work = await opened(running)
        except BaseException:
            self._end_job(token, running, started)
            raise
        record = self._history.begin(request.connection_id, name)
        self._jobs[token] = job
        ended = job.start(self._threads, work, definitions, request.most)
        ended.add_done_callback(lambda _: self._job_ended(job, record, name, running, started))
        try:
            columns = await job.head()
        except BaseException:
            running.cancel(QueryInterrupted())
            self._jobs.pop(token, None)
            raise
        return [_json({"token": token, "columns": columns})]

    def _maker(self, request: MLRequest) -> tuple[Callable[[OpenSource], Parts], str]:
        if request.function == "query":
            return as_they_are, "ML_PREDICT_ROW"
        if request.function == "split":
            return partial(divided, divide=partial(_divide, request)), "TRAIN_TEST_SPLIT"
        model = self.models.get(request.key).model
        rows = 0 if looks_at_all(str(model.task), request.options) else _BATCH
        if request.function == "explain":
            answer = partial(api.explain_rows, model)
            return _answering(answer, request.options, min(rows, _FEW)), "ML_EXPLAIN_TABLE"
        return _answering(partial(api.predict, model, threads=_CORES), request.options, rows), "ML_PREDICT_TABLE"

    def _job_ended(
        self, job: TableJob, record: QueryRecord, name: str, running: Running, started: list[Running]
    ) -> None:
        record.rows = job.rows
        record.failure = str(running.error or "")
        self._history.end(record)
        self.statistics.add(name, n_rows=job.rows)
        # A thread that was stopped leaves nobody who asks for more; one that is done still has pieces to give.
        for token in [t for t, each in self._jobs.items() if each is job and running.error is not None]:
            self._end_job(token, running, started)

    def _end_job(self, token: str, running: Running, started: list[Running]) -> None:
        self._jobs.pop(token, None)
        if running in started:
            started.remove(running)
            self._running.end(running)

    async def _next(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        job = self._jobs.get(request.token)
        if job is None:
            raise QueryInterrupted
        try:
            piece = await job.next()
        except BaseException:
            job.running.cancel(QueryInterrupted())
            self._end_job(request.token, job.running, started)
            raise
        if not piece.text:
            self._end_job(request.token, job.running, started)
        return [_json({"rows": piece.rows, "into": piece.into}), piece.text]

    async def _stop(self, request: MLRequest, query: Query, started: list[Running]) -> list[bytes]:
        """End a table whose further rows nobody wants."""
        if job := self._jobs.get(request.token):
            job.running.cancel(QueryInterrupted())
            self._end_job(request.token, job.running, started)
        return [b""]

    # --- how things run ---

    @contextmanager
    def _started(self, request: MLRequest, started: list[Running]) -> Iterator[Running]:
        running = self._running.start(request.connection_id, request.statement)
        started.append(running)
        try:
            yield running
        finally:
            started.remove(running)
            self._running.end(running)

    @contextmanager
    def _recorded(self, name: str, request: MLRequest) -> Iterator[RoutineProgress]:
        """A row of rpd_query_stats, which shows how far it is."""
        record = self._history.begin(request.connection_id, name)
        progress = RoutineProgress(request.handle)
        record.progress = progress.shown
        try:
            yield progress
        except BaseException as error:
            record.failure = str(error) or type(error).__name__
            raise
        finally:
            progress.end(bool(record.failure))
            self._history.end(record)

    async def _in_thread(self, running: Running, work: Callable[[], T]) -> T:
        """Run in a thread; what cancels `running` is raised at once, and the thread ends a little later."""

        def guarded() -> T:
            try:
                running.check()
                return work()
            except Exception as error:
                raise running.error or as_ours(error) from error

        async def done() -> T:
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, guarded))

        return await running.wait_for(done())


def _check_call(request: MLRequest, offload: Offload) -> None:
    """Raise AutoMLError for options that are wrong, and for a target that is no column."""
    api.read_options(request.options)
    columns = tuple(Column(d.name, kind_of(d)) for d in offload.definitions)
    if request.target is not None:
        Source(request.table, columns, pa.table({})).column(request.target, "target column")


def _answering(answer: Callable[[Source, Any], pa.Table], options: Any, rows: int) -> Callable[[OpenSource], Parts]:
    return lambda opened: answered(opened, lambda source: answer(source, options), rows)


def _divide(request: MLRequest, source: Source) -> tuple[pa.Array, pa.Array]:
    train_rows, test_rows = api.split(source, request.target, request.options)
    return pa.array(train_rows), pa.array(test_rows)


def _one_row(loaded: Loaded, text: bytes, request: MLRequest) -> bytes:
    if not text:
        return b""  # NULL for NULL
    check_nesting(text)
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise api.AutoMLError("The row has to be a JSON object of column names and values")
    answer = api.predict_row if request.function == "predict" else api.explain_row
    return beside_text(text, values, answer(loaded.model, values, request.options))


def _many_rows(loaded: Loaded, texts: bytes, request: MLRequest, running: Running) -> bytes:
    """Answer for JSON texts with NUL between them, in columns."""
    rows = pc.split_pattern(pa.array([texts.decode()]), _SPLIT.decode()).flatten()
    rows = pc.if_else(pc.not_equal(rows, ""), rows, None)
    whole = pc.fill_null(pa.concat_arrays(_answers(loaded, rows, request, running)), "")
    joined = pa.ListArray.from_arrays(pa.array([0, len(whole)], pa.int32()), whole)
    return str(pc.binary_join(joined, _SPLIT.decode())[0]).encode()


def _answers(loaded: Loaded, rows: pa.Array, request: MLRequest, running: Running) -> Iterator[pa.Array]:
    """Answer for JSON texts, a batch at a time."""
    predicts = request.function == "predict"
    step = _BATCH if predicts else _FEW

    def found(part: pa.Array) -> pa.Table:
        running.check()
        source = api.rows_from_json(loaded.model, part)
        if predicts:
            return api.predict(loaded.model, source, request.options, _CORES)
        return api.explain_rows(loaded.model, source, request.options)

    for start in range(0, len(rows), step):
        yield of_documents(rows.slice(start, step), found)


def _offload(query: Query) -> Offload:
    columns = query.attributes.get("wf_columns")
    if columns is None:
        raise MalformedPacket("request without a source")
    return read_offload(query.text, query.attributes.get("wf_context", b"{}"), split_definitions(columns))


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str, ensure_ascii=False).encode()
