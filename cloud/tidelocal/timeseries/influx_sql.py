"""Turn the SQL that InfluxDB 3 users write (DataFusion's) into DuckDB's.

text -> sqlglot tree -> DataFusion's functions in DuckDB's words -> guard -> DuckDB SQL
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from tidelocal.timeseries import guard, template
from tidelocal.timeseries.errors import QueryRefusedError
from tidelocal.timeseries.points import FieldKind
from tidelocal.timeseries.schema import Catalog, Database, Table

_EPOCH = "CAST('1970-01-01' AS TIMESTAMP)"
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALYZE\b)(?:VERBOSE\s+)?(?=SELECT\b|WITH\b)", re.I)
_SHOW_COLUMNS = re.compile(r"\s*SHOW\s+COLUMNS\s+(?:FROM|IN)\s+(.+?)\s*;?\s*", re.I | re.S)
_SHOW_TABLES = re.compile(r"\s*SHOW\s+TABLES\s*;?\s*", re.I)
_DESCRIBE = re.compile(r"\s*DESC(?:RIBE)?\s+(?:TABLE\s+)?(?!SELECT\b|WITH\b)(.+?)\s*;?\s*", re.I | re.S)  # fmt: skip  # noqa: E501  one pattern, one line
_ARROW_NAMES = {
    None: "Dictionary(Int32, Utf8)",
    FieldKind.FLOAT: "Float64",
    FieldKind.INTEGER: "Int64",
    FieldKind.UNSIGNED: "UInt64",
    FieldKind.BOOLEAN: "Boolean",
    FieldKind.STRING: "Utf8",
    FieldKind.TIMESTAMP: "Timestamp(Nanosecond, None)",
}
_SQL_TYPES = {
    "utf8": "VARCHAR",
    "int64": "BIGINT",
    "uint64": "UBIGINT",
    "int32": "INTEGER",
    "float64": "DOUBLE",
    "float32": "REAL",
    "boolean": "BOOLEAN",
    "timestamp(nanosecond, none)": "TIMESTAMP_NS",
}
_NOT_YET = frozenset({"date_bin_gapfill", "date_bin_wallclock", "locf", "interpolate", "tz"})
_AGGREGATES = {"first_value": "first", "last_value": "last"}  # when they are no windows
_TABLES_COLUMNS = ("table_catalog", "table_schema", "table_name", "table_type")
_COLUMNS_COLUMNS = ("table_catalog", "table_schema", "table_name", "column_name",
    "ordinal_position", "is_nullable", "data_type")  # fmt: skip


def translate(
    statement: str,
    *,
    database: str,
    catalog: Catalog,
    functions: guard.Functions,
    now_ns: int,
    params: Mapping[str, Any] | None = None,
) -> str:
    """DuckDB's SQL for `statement` over `database`.

    `now()` is `now_ns` throughout. Raises QueryRefusedError or NotFoundError.
    """
    tables = catalog.database(database)
    if _SHOW_TABLES.fullmatch(statement):
        statement = "SELECT * FROM information_schema.tables"
    elif found := _SHOW_COLUMNS.fullmatch(statement) or _DESCRIBE.fullmatch(statement):
        statement = _columns_statement(tables, found[1])
    explain = _EXPLAIN.match(statement)
    tree = guard.parse_one(statement[explain.end() :] if explain else statement, "duckdb")
    dialect = _Dialect(now_ns, params or {})
    _name_columns(tree)
    tree = tree.transform(dialect.translate)
    guard.check(tree, functions)
    tree = guard.resolve_tables(tree, lambda table: _source(tables, table))
    return ("EXPLAIN " if explain else "") + guard.generate(tree)


def _name_columns(tree: exp.Expression) -> None:
    """Call unnamed columns by their text: DuckDB has names of its own, like count_star()."""
    select = tree.find(exp.Select)
    for column in select.expressions if select is not None else ():
        plain = isinstance(column, exp.Alias | exp.Column | exp.Star | exp.Unnest | exp.Columns)
        if not plain and not isinstance(column, exp.Subquery):
            text = column.sql(dialect="duckdb", normalize_functions="lower")
            column.replace(exp.alias_(column.copy(), text, quoted=True))


class _Dialect:
    """Trees go in and out as Any: sqlglot types its nodes by two unrelated bases."""

    def __init__(self, now_ns: int, params: Mapping[str, Any]) -> None:
        self._now, self._params = f"make_timestamp_ns({now_ns})", params

    def translate(self, node: Any) -> Any:
        """What `node` is in DuckDB's words; itself where they agree."""
        if isinstance(node, exp.Parameter | exp.Placeholder):
            return self._parameter(node)
        if isinstance(node, exp.Bracket) and isinstance(node.this, exp.Anonymous):
            return _selected_part(node)
        if isinstance(node, exp.DataType):
            known = _SQL_TYPES.get(str(node.args.get("kind")).lower())
            return exp.DataType.build(known, dialect="duckdb") if known else node
        return self._function(node) if isinstance(node, exp.Func) else node

    def _function(self, node: Any) -> Any:
        name = guard.function_name(node)
        if name in _NOT_YET:
            raise QueryRefusedError(f"{name}() is not answered by the local store yet")
        if name == "now" or isinstance(node, exp.CurrentTimestamp):
            return template.fill(self._now)
        if name in _AGGREGATES and not _windowed(node):
            return exp.Anonymous(this=_AGGREGATES[name], expressions=[node.this])
        change = _FUNCTIONS.get(name)
        return change(list(node.iter_expressions()), node) if change else node

    def _parameter(self, node: Any) -> Any:
        name = node.name or str(node.this)
        if name not in self._params:
            raise QueryRefusedError(f"the parameter ${name} has no value")
        value = self._params[name]
        if value is not None and not isinstance(value, bool | int | float | str):
            raise QueryRefusedError(f"the parameter ${name} must be a number, text or boolean")
        return exp.convert(value)


def _date_bin(arguments: list[exp.Expression], _: exp.Func) -> exp.Expression:
    # Down to microseconds by hand: DuckDB's cast rounds, which moves a point into the next bin.
    if not 2 <= len(arguments) <= 3:  # noqa: PLR2004 - as DataFusion has it
        raise QueryRefusedError("date_bin() takes an interval, a time and perhaps an origin")
    width, time, *origin = arguments
    if origin and isinstance(origin[0], exp.Var):  # sqlglot takes a literal origin for a unit
        origin = [exp.Literal.string(origin[0].name)]
    exact = template.fill("make_timestamp(epoch_us(CAST(time_ AS TIMESTAMP_NS)))", time_=time)
    start = (
        template.fill("CAST(o_ AS TIMESTAMP)", o_=origin[0]) if origin else template.fill(_EPOCH)
    )
    return exp.Anonymous(this="time_bucket", expressions=[width, exact, start])


def _percentile(arguments: list[exp.Expression], _: exp.Func) -> exp.Expression:
    return exp.Anonymous(this="approx_quantile", expressions=arguments[:2])


def _arrow_cast(arguments: list[exp.Expression], _: exp.Func) -> exp.Expression:
    wanted = arguments[1].name
    known = _SQL_TYPES.get(wanted.lower())
    if known is None:
        raise QueryRefusedError(f"arrow_cast to {wanted!r} is not answered by the local store")
    return exp.cast(arguments[0], known, dialect="duckdb")


def _to_timestamp(unit_ns: int) -> Callable[[list[exp.Expression], exp.Func], exp.Expression]:
    def change(arguments: list[exp.Expression], _: exp.Func) -> exp.Expression:
        value = arguments[0]
        if isinstance(value, exp.Literal) and not value.is_string:
            return template.fill(
                f"make_timestamp_ns(CAST(CAST(v_ AS DECIMAL(28, 9)) * {unit_ns} AS BIGINT))",
                v_=value,
            )
        return template.fill("CAST(v_ AS TIMESTAMP_NS)", v_=value)

    return change


def _selector(arguments: list[exp.Expression], node: exp.Func) -> exp.Expression:
    value, time = _selector_parts(guard.function_name(node), arguments)
    return template.fill("struct_pack(value := value_, time := time_)", value_=value, time_=time)


def _selector_parts(
    name: str, arguments: Sequence[exp.Expression]
) -> tuple[exp.Expression, exp.Expression]:
    if len(arguments) != 2:  # noqa: PLR2004  a pair
        raise QueryRefusedError(f"{name}() takes a field and time")
    value, time = _SELECTORS[name]
    parts = {"v_": arguments[0], "t_": arguments[1]}
    return template.fill(value, **parts), template.fill(time, **parts)


_SELECTORS = {
    "selector_first": ("arg_min(v_, t_)", "min(t_) FILTER (WHERE v_ IS NOT NULL)"),
    "selector_last": ("arg_max(v_, t_)", "max(t_) FILTER (WHERE v_ IS NOT NULL)"),
    "selector_min": ("min(v_)", "arg_min(t_, v_)"),
    "selector_max": ("max(v_)", "arg_max(t_, v_)"),
}
_FUNCTIONS: dict[str, Callable[[list[exp.Expression], exp.Func], exp.Expression]] = {
    "date_bin": _date_bin,
    "approx_percentile_cont": _percentile,
    "arrow_cast": _arrow_cast,
    "to_timestamp": _to_timestamp(10**9),
    "to_timestamp_seconds": _to_timestamp(10**9),
    "to_timestamp_millis": _to_timestamp(10**6),
    "to_timestamp_micros": _to_timestamp(10**3),
    "to_timestamp_nanos": _to_timestamp(1),
    "unix_to_time": _to_timestamp(10**9),  # what sqlglot makes of to_timestamp
    **dict.fromkeys(_SELECTORS, _selector),
}


def _selected_part(node: exp.Bracket) -> exp.Expression:
    name = guard.function_name(node.this)
    if name not in _SELECTORS or len(node.expressions) != 1:
        return node
    part = node.expressions[0].name
    if part not in {"value", "time"}:
        raise QueryRefusedError(f"{name}() has 'value' and 'time', not {part!r}")
    value, time = _selector_parts(name, node.this.expressions)
    return value if part == "value" else time


def _windowed(node: exp.Expression) -> bool:
    return isinstance(node.parent, exp.Window | exp.IgnoreNulls | exp.RespectNulls)


def _source(database: Database, table: exp.Table) -> exp.Query:
    schema = table.db.lower()
    if schema == "information_schema":
        return _information(database, table.name.lower())
    if schema not in {"", "iox"} or table.catalog.lower() not in {"", "public"}:
        raise QueryRefusedError(f"table '{table.sql()}' not found")
    found = _find(database, table.name)
    return guard.columns_of(found, sorted([*found.columns, "time"]))


def _find(database: Database, name: str) -> Table:
    found = database.tables.get(name)
    if found is None:
        folded = {each.casefold(): table for each, table in database.tables.items()}
        found = folded.get(name.casefold())
    if found is None:
        raise QueryRefusedError(f"table 'public.iox.{name}' not found")
    return found


def _information(database: Database, name: str) -> exp.Query:
    if name == "tables":
        return _values(_TABLES_COLUMNS, _tables_rows(database))
    if name == "columns":
        return _values(_COLUMNS_COLUMNS, _columns_rows(database))
    raise QueryRefusedError(f"table 'public.information_schema.{name}' not found")


def _tables_rows(database: Database) -> Iterator[tuple[object, ...]]:
    for name in sorted(database.tables):
        yield "public", "iox", name, "BASE TABLE"
    for name in ("columns", "tables"):
        yield "public", "information_schema", name, "VIEW"


def _columns_rows(database: Database) -> Iterator[tuple[object, ...]]:
    for name, table in sorted(database.tables.items()):
        kinds = {column.name: _ARROW_NAMES[column.kind] for column in table.columns.values()}
        kinds["time"] = "Timestamp(Nanosecond, None)"
        for place, column in enumerate(sorted(kinds)):
            nullable = "NO" if column == "time" else "YES"
            yield "public", "iox", name, column, place, nullable, kinds[column]


def _values(names: Sequence[str], rows: Iterator[tuple[object, ...]]) -> exp.Query:
    made = list(rows)
    empty = not made
    values = exp.values(made or [(None,) * len(names)], alias="v", columns=names)
    query = exp.select(*names).from_(values)
    return query.where("false") if empty else query


def _columns_statement(database: Database, name: str) -> str:
    table = guard.parse_one(f"FROM {name}", "duckdb").find(exp.Table)
    if table is None:
        raise QueryRefusedError(f"{name!r} is not the name of a table")
    wanted = exp.column("table_name").eq(_find(database, table.name).name)
    return exp.select("*").from_("information_schema.columns").where(wanted).sql("duckdb")
