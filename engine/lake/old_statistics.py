"""Texts and bytes of Parquet whose least and greatest values are of an order that is not that of DuckDB's comparisons.

The older fields of a chunk's statistics, `min` and `max`, compare bytes as signed numbers, so that é comes before a;
Spark 2, Hive and Impala wrote them. DuckDB 1.5.5 passes over row groups by them where `min_value` and
`max_value` are missing, and so over rows that are wanted. Source: parquet.thrift, Statistics and ColumnOrder.
"""

from collections.abc import Mapping
from dataclasses import replace

import duckdb

from engine.lake.reach import quoted
from engine.lake.relations import Relation

_OLD = """
SELECT file_name, list(DISTINCT lower(path_in_schema)) FROM parquet_metadata([{}])
 WHERE type IN ('BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY') AND coalesce(stats_min, stats_max) IS NOT NULL
 AND stats_min_value IS NULL AND stats_max_value IS NULL GROUP BY ALL
"""
_MOST = 1_000_000  # files that are remembered
_NONE: frozenset[str] = frozenset()


def without_old_statistics(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    files: Mapping[str, str],
    seen: dict[str, frozenset[str]],
    names: Mapping[str, str],
) -> Relation:
    """Have columns with such statistics read so that no row group is passed over for their sake.

    `files` has paths by key; `seen`, what is known of files by their keys, gets what is found out. `names` are the
    files' own folded names of columns that have others in the relation. Raises duckdb.Error.
    """
    ordered = {name for name, (_, kind) in relation.kinds.items() if kind in ("VARCHAR", "BLOB")}
    if not ordered:
        return relation
    if new := {path: key for key, path in files.items() if key not in seen}:
        if len(seen) > _MOST:
            seen.clear()
        found = dict(connection.execute(_OLD.format(", ".join(map(quoted, new)))).fetchall())
        seen |= {key: frozenset(found[path]) if path in found else _NONE for path, key in new.items()}
    old = {name for key in files for name in seen.get(key, _NONE)}
    # Of what an expression gives DuckDB knows no bounds; this one gives what it is given.
    kinds = {
        name: (f"greatest({source}, {source})", kind) if name in ordered and names.get(name, name) in old else given
        for name, given in relation.kinds.items()
        for source, kind in [given]
    }
    return replace(relation, kinds=kinds)
