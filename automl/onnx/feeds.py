"""Rows of a table as the tensors that an ONNX model takes."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.errors import AutoMLError, near
from automl.onnx.about import About
from automl.onnx.ports import NUMPY, Port, Ports
from automl.onnx.tensors import Tensor
from automl.table.columns import floats, texts
from automl.table.source import Column, Kind, Source

_UNFIT = frozenset({Kind.DATE, Kind.DATETIME, Kind.BINARY})


def columns_of(about: About, ports: Ports) -> tuple[Column, ...]:
    """Give the columns that a row needs, where their names are known."""
    if len(ports.inputs) > 1:
        return tuple(Column(port.name, _kind(port)) for port in ports.inputs)
    return tuple(Column(name, _kind(ports.inputs[0])) for name in about.columns)


def _kind(port: Port) -> Kind:
    return Kind.TEXT if port.type == "tensor(string)" else Kind.NUMBER


def used(about: About, ports: Ports, source: Source, target: str | None = None) -> list[Column]:
    """Give the columns of a source that the model takes, in order.

    Without `column_names` one input takes the whole table in its order, but for the target.

    Raises:
        AutoMLError: some are missing, or their number does not fit.
    """
    if about.columns:
        return [_found(source, name, about) for name in about.columns]
    apart = {name.casefold() for name in (target, about.target) if name}
    columns = [column for column in source.columns if column.name.casefold() not in apart]
    width = ports.inputs[0].width
    if len(columns) != width:
        raise AutoMLError(
            f"The model takes {width} columns in one input, and {source.table} has {len(columns)} beside the target: "
            "name them in order with 'column_names' in the metadata of ML_MODEL_IMPORT, or make a view of them."
        )
    return columns


def _found(source: Source, name: str, about: About) -> Column:
    plain = {_plain(column.name): column for column in source.columns}
    found = source.find(name) or plain.get(_plain(name))
    if found is None:
        missing = [each for each in about.columns if source.find(each) is None and _plain(each) not in plain]
        shown = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
        hint = near(missing[0], source.names) if len(missing) == 1 else ""
        raise AutoMLError(f"The input lacks columns that the model takes: {shown}.{hint}")
    return found


def _plain(name: str) -> str:
    """The name as converters write it: of letters, digits and underscores."""
    return "".join(each if each.isalnum() else "_" for each in name.casefold())


def feeds(about: About, ports: Ports, source: Source, columns: Sequence[Column]) -> dict[str, Tensor]:
    """Give the tensors of all rows. Raises AutoMLError for a value that does not fit."""
    rows = source.rows.num_rows
    if len(ports.inputs) > 1:
        return {
            port.name: Tensor(_values(about, port, column, source), (rows, *(1 for _ in port.shape[1:])))
            for port, column in zip(ports.inputs, columns, strict=True)
        }
    (port,) = ports.inputs
    each = [_values(about, port, column, source) for column in columns]
    if len(each) == 1:
        values = each[0]
    elif port.type == "tensor(string)":
        places = np.arange(rows * len(each)).reshape(len(each), rows).T.ravel()
        values = pa.concat_arrays(each).take(pa.array(places))
    else:
        values = pa.array(np.column_stack([column.to_numpy(zero_copy_only=False) for column in each]).ravel())
    return {port.name: Tensor(values, (rows, *(size or 1 for size in port.shape[1:])))}


def _values(about: About, port: Port, column: Column, source: Source) -> pa.Array:
    """Give a column in the type of an input; NULL is NaN where there is such a number, and '' among texts."""
    given = source.values(column.name)
    if port.type == "tensor(string)":
        return pc.fill_null(texts(column.name, given), "").combine_chunks()
    if column.kind in _UNFIT or pa.types.is_temporal(given.type):
        raise AutoMLError(f"Column '{column.name}' holds {column.kind} values, and the model takes {port.type}.")
    own = np.dtype(NUMPY[port.type])
    through = np.dtype(about.dtypes.get(port.type, own))
    if through.kind in "US":
        through = own
    if own.kind == "f":
        with np.errstate(over="ignore"):
            return pa.array(floats(column.name, given).astype(through).astype(own))
    if given.null_count:
        raise AutoMLError(f"Column '{column.name}' has NULL, and the model takes {port.type}, which has none.")
    if pa.types.is_integer(given.type):
        numbers = given.to_numpy()
    else:
        numbers = floats(column.name, given)
        if np.isnan(numbers).any() or (own.kind != "b" and (numbers != np.floor(numbers)).any()):
            raise AutoMLError(f"Column '{column.name}' must hold whole numbers: the model takes {port.type}.")
    if own.kind != "b" and len(numbers):
        limits = np.iinfo(own)
        if int(numbers.min()) < limits.min or int(numbers.max()) > limits.max:
            raise AutoMLError(f"Column '{column.name}' has numbers that {port.type} of the model cannot hold.")
    return pa.array(numbers.astype(through).astype(own))
