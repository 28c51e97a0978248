"""An ONNX file read before onnxruntime sees it: what is refused, what is taken off, what goes in and out.

Field numbers are those of onnx.proto. Refused is what reaches outside the file (external data), what needs operators
that are no part of ONNX, and sizes that do not fit. A ZipMap, which makes a dictionary of every row, is taken off the
end: its input has the same numbers in columns, and its names are in the port.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from automl.onnx.ports import TYPES, Port, Ports
from automl.onnx.proto import VARINT, fields, inner, numbers, text, whole, written
from automl.stored.parts import BadModel

MOST_BYTES = (1 << 31) - 1  # of a protocol buffer
MOST_ELEMENTS = 1 << 30  # of one tensor
MOST_DEPTH = 16  # of graphs inside graphs
MOST_NODES = 1_000_000
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_RAW_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}


@dataclass
class _Node:
    op: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, memoryview] = field(default_factory=dict)


@dataclass
class _Reading:
    """What was seen so far."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    nodes: int = 0


def read(data: bytes) -> tuple[bytes, Ports]:
    """Check a model; gives the bytes that are run and the ports.

    Raises:
        BadModel: with what is wrong or not supported.
    """
    if not data or len(data) > MOST_BYTES:
        raise BadModel("an ONNX model has from one byte to 2 GB")
    graph: memoryview | None = None
    reading, rest, functions = _Reading(), [], []
    for number, kind, value, own in fields(memoryview(data)):
        if number == 7:
            if graph is not None:
                raise BadModel("it has two graphs")
            graph = inner(value)
            continue
        if number == 8:
            _check_domain(inner(value))
        elif number == 20:
            raise BadModel("it holds a training graph: export it for inference")
        elif number == 25:
            functions.append(inner(value))
            reading.functions.add(_signature(inner(value)))
        elif number > 30 or (kind == VARINT) != (number in (1, 5)):
            raise BadModel("its bytes are no ONNX")
        rest.append(bytes(own))
    if graph is None:
        raise BadModel("its bytes are no ONNX, or it has no graph")
    for each in functions:
        for number, _, value, _ in fields(each):
            if number == 7:
                _check_node(_node(inner(value)), reading, 0)
    kept, ports = _shortened(graph, reading)
    return b"".join([*rest, written(7, kept)]), ports


def _check_domain(opset: memoryview) -> None:
    domain = "".join(text(value) for number, _, value, _ in fields(opset) if number == 1)
    if len(domain) > 200:
        raise BadModel("the name of a set of operators is too long")


def _signature(function: memoryview) -> tuple[str, str]:
    found = {number: text(value) for number, _, value, _ in fields(function) if number in (1, 10)}
    return found.get(10, ""), found.get(1, "")


def _node(message: memoryview) -> _Node:
    found = _Node()
    for number, _, value, _ in fields(message):
        match number:
            case 1:
                found.inputs.append(text(value))
            case 2:
                found.outputs.append(text(value))
            case 4:
                found.op = text(value)
            case 7:
                found.domain = text(value)
            case 5:
                attribute = inner(value)
                name = "".join(text(each) for at, _, each, _ in fields(attribute, skip_numbers=True) if at == 1)
                found.attributes[name] = attribute
    return found


def _check_node(node: _Node, reading: _Reading, depth: int) -> None:
    reading.nodes += 1
    if reading.nodes > MOST_NODES or depth > MOST_DEPTH:
        raise BadModel("it has too many operators, or graphs inside graphs")
    if node.domain not in _DOMAINS and (node.domain, node.op) not in reading.functions:
        raise BadModel(
            f"operator {node.op[:60]!r} of {node.domain[:60]!r} is no part of ONNX: export it with standard operators"
        )
    for attribute in node.attributes.values():
        for number, _, value, _ in fields(attribute, skip_numbers=True):
            if number in (5, 10):
                _check_tensor(inner(value))
            elif number in (22, 23):
                _check_sparse(inner(value))
            elif number in (6, 11):
                for at, _, each, _ in fields(inner(value)):
                    _check_part(at, each if isinstance(each, memoryview) else memoryview(b""), reading, depth + 1)


def _check_part(number: int, part: memoryview, reading: _Reading, depth: int) -> None:
    """Check a part of a graph inside an operator."""
    if number == 1:
        _check_node(_node(part), reading, depth)
    elif number == 5:
        _check_tensor(part)
    elif number == 15:
        _check_sparse(part)


def _check_tensor(tensor: memoryview) -> str:
    """Check an initializer and give its name."""
    name, kind, dims, raw = "", 0, [], -1
    for number, how, value, _ in fields(tensor):
        match number:
            case 1:
                dims += numbers(how, value)
            case 2:
                kind = whole(value)
            case 8:
                name = text(value)
            case 9:
                raw = len(inner(value))
            case 13:
                raise BadModel("it keeps numbers in another file: save it as one file, without external data")
            case 14 if whole(value):
                raise BadModel("it keeps numbers in another file: save it as one file, without external data")
    if len(dims) > 16 or any(size < 0 for size in dims) or math.prod(dims) > MOST_ELEMENTS:
        raise BadModel("a tensor's size is out of range")
    if raw >= 0 and kind in _RAW_SIZES and raw != math.prod(dims) * _RAW_SIZES[kind]:
        raise BadModel("a tensor has another size than it says")
    return name


def _check_sparse(sparse: memoryview) -> str:
    name, dims = "", []
    for number, how, value, _ in fields(sparse):
        if number in (1, 2):
            found = _check_tensor(inner(value))
            name = found if number == 1 else name
        elif number == 3:
            dims += numbers(how, value)
    if any(size < 0 for size in dims) or math.prod(dims) > MOST_ELEMENTS:
        raise BadModel("a tensor's size is out of range")
    return name


def _shortened(graph: memoryview, reading: _Reading) -> tuple[bytes, Ports]:
    """Check the graph; gives it without ZipMaps at the end, and the ports."""
    parts: list[tuple[int, memoryview]] = []
    inputs, outputs, known = [], [], set()
    maps: dict[str, _Node] = {}  # by the name of what comes out
    consumed: set[str] = set()
    for number, _, value, own in fields(graph):
        if number == 1:
            node = _node(inner(value))
            _check_node(node, reading, 0)
            consumed.update(node.inputs)
            if node.op == "ZipMap" and node.domain == "ai.onnx.ml" and len(node.outputs) == len(node.inputs) == 1:
                maps[node.outputs[0]] = node
        elif number in (5, 15):
            known.add((_check_tensor if number == 5 else _check_sparse)(inner(value)))
        elif number == 11:
            inputs.append(inner(value))
        elif number == 12:
            outputs.append(inner(value))
        parts.append((number, own))
    maps = {name: node for name, node in maps.items() if name not in consumed}
    kept = [bytes(own) for number, own in parts if number != 12 and not (number == 1 and _is_map(own, maps))]
    found = []
    for output in outputs:
        name = _name(output)
        if name in maps:
            node = maps[name]
            labels = _labels(node)
            port = Port(name, "tensor(float)", (None, len(labels)), labels)
            found.append((port, node.inputs[0]))
            kept.append(written(12, _described(node.inputs[0])))
        else:
            found.append((_port(output, "output"), name))
            kept.append(written(12, bytes(output)))
    into = [_port(each, "input") for each in inputs if _name(each) not in known]
    if not into or not found:
        raise BadModel("it has no input or no output")
    if len({port.name for port, _ in found}) != len(found) or len({port.name for port in into}) != len(into):
        raise BadModel("two of its inputs or outputs have one name")
    return b"".join(kept), Ports(tuple(into), tuple(port for port, _ in found))


def _is_map(own: memoryview, maps: Mapping[str, _Node]) -> bool:
    (message,) = (inner(value) for _, _, value, _ in fields(own))
    node = _node(message)
    return node.op == "ZipMap" and len(node.outputs) == 1 and node.outputs[0] in maps


def _described(name: str) -> bytes:
    """Write a ValueInfoProto of a matrix of floats of any size."""
    shape = written(2, written(1, b"") * 2)
    return written(1, name.encode()) + written(2, written(1, b"\x08\x01" + shape))


def _labels(node: _Node) -> tuple[str | int, ...]:
    found: list[str | int] = []
    for name, at in (("classlabels_int64s", 8), ("classlabels_strings", 9)):
        if name in node.attributes:
            for number, kind, value, _ in fields(node.attributes[name]):
                if number == at:
                    found += numbers(kind, value) if at == 8 else [text(value)]
    if not found or len(set(found)) != len(found):
        raise BadModel("its classes have no names, or two have one name")
    return tuple(found)


def _name(info: memoryview) -> str:
    return "".join(text(value) for number, _, value, _ in fields(info) if number == 1)


def _port(info: memoryview, what: str) -> Port:
    name, kind = _name(info), 0
    shape: list[int | None] | None = None
    for each in _under(info, 2):
        for number, _, value, _ in fields(each):
            if number != 1:
                if number in (4, 5, 7, 8, 9):
                    raise BadModel(f"{what} '{name}' is no tensor, and only tensors can be read")
                continue
            for at, _, part, _ in fields(inner(value)):
                if at == 1:
                    kind = whole(part)
                elif at == 2:
                    shape = [_size(inner(dim)) for number, _, dim, _ in fields(inner(part)) if number == 1]
    if kind not in TYPES:
        raise BadModel(f"{what} '{name}' is of a type that cannot be read")
    if shape is not None and math.prod(size or 1 for size in shape) > MOST_ELEMENTS:
        raise BadModel(f"the shape of {what} '{name}' is out of range")
    return Port(name, f"tensor({TYPES[kind][0]})", tuple(shape or ()))


def _under(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (inner(value) for number, _, value, _ in fields(message) if number == wanted)


def _size(dimension: memoryview) -> int | None:
    found = [whole(value) for number, _, value, _ in fields(dimension) if number == 1]
    return found[-1] if found and found[-1] > 0 else None
