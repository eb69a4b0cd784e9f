"""Turn Timestream's SQL (Trino's, with its own literals and functions) into DuckDB's.

text -> literals like 15m -> sqlglot tree -> Timestream's functions -> guard -> DuckDB SQL
"""

import re
from collections.abc import Callable

from sqlglot import exp

from tidelocal.timeseries import guard, template
from tidelocal.timeseries.errors import QueryRefusedError
from tidelocal.timeseries.schema import Catalog, Table

_TOKENS = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<measure>\bmeasure_value::[a-z]+\b)"""
    r"""|(?<![\w.])(?P<count>[0-9]+)(?P<unit>ns|us|ms|mo|s|m|h|d|w|y)\b""",
    re.IGNORECASE | re.DOTALL,
)
_UNITS = {
    "us": "MICROSECOND",
    "ms": "MILLISECOND",
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "d": "DAY",
    "w": "WEEK",
    "mo": "MONTH",
    "y": "YEAR",
}
_NOT_YET = re.compile(
    r"create_time_series|interpolate_\w+|sequence|derivative_\w+|non_negative_\w+|integral_\w+"
    r"|correlate_\w+|map_agg|filter|transform|reduce|parse_duration"
)


def translate(statement: str, *, catalog: Catalog, functions: guard.Functions, now_ns: int) -> str:
    """DuckDB's SQL for a SELECT. Raises QueryRefusedError or NotFoundError."""
    tree = guard.parse_one(_TOKENS.sub(_token, statement), "trino")
    _name_columns(tree)
    tree = tree.transform(lambda node: _translate(node, now_ns))
    guard.check(tree, functions)
    return guard.generate(guard.resolve_tables(tree, lambda table: _source(catalog, table)))


def columns_in_order(table: Table) -> list[str]:
    """As `SELECT *` gives them: dimensions, measure name, time, measures."""
    dimensions = [name for name in table.tags if name != "measure_name"]
    name = ["measure_name"] if "measure_name" in table.columns else []
    return [*dimensions, *name, "time", *(n for n, c in table.columns.items() if not c.is_tag)]


def _token(found: re.Match[str]) -> str:
    if found["measure"]:
        return '"' + found[0].lower() + '"'
    if not found["unit"]:
        return found[0]
    count, unit = found["count"], found["unit"].lower()
    if unit == "ns":
        if int(count) % 1000:
            raise QueryRefusedError(f"the interval {found[0]} is finer than a microsecond")
        count, unit = str(int(count) // 1000), "us"
    return f"INTERVAL '{count}' {_UNITS[unit]}"


def _name_columns(tree: exp.Expression) -> None:
    select = tree.find(exp.Select)
    for place, column in enumerate(select.expressions if select is not None else ()):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            column.replace(exp.alias_(column.copy(), f"_col{place}", quoted=True))


def _translate(node: exp.Expression, now_ns: int) -> exp.Expression:
    if isinstance(node, exp.CurrentTimestamp):
        return template.fill(f"make_timestamp_ns({now_ns})")
    if not isinstance(node, exp.Func):
        return node
    name = guard.function_name(node)
    if isinstance(node, exp.Anonymous) and _NOT_YET.fullmatch(name):
        raise QueryRefusedError(f"{name}() is not answered by the local store yet")
    arguments: list[exp.Expression] = list(node.iter_expressions())
    if name == "now":
        return template.fill(f"make_timestamp_ns({now_ns})")
    if name == "ago":
        return template.fill(f"make_timestamp_ns({now_ns}) - i_", i_=_one(name, arguments))
    if name == "bin":
        return _bin(arguments)
    change = _FUNCTIONS.get(name)
    return change(_one(name, arguments)) if change else node


def _bin(arguments: list[exp.Expression]) -> exp.Expression:
    if len(arguments) != 2:  # noqa: PLR2004 - as Timestream has it
        raise QueryRefusedError("bin() takes a time and an interval")
    # Down to microseconds by hand: DuckDB's cast rounds, which moves a point into the next bin.
    exact = template.fill("make_timestamp(epoch_us(CAST(t_ AS TIMESTAMP_NS)))", t_=arguments[0])
    start = template.fill("CAST('1970-01-01' AS TIMESTAMP)")
    return exp.Anonymous(this="time_bucket", expressions=[arguments[1], exact, start])


def _one(name: str, arguments: list[exp.Expression]) -> exp.Expression:
    if len(arguments) != 1:
        raise QueryRefusedError(f"{name}() takes one argument, not {len(arguments)}")
    return arguments[0]


def _of_one(text: str) -> Callable[[exp.Expression], exp.Expression]:
    return lambda argument: template.fill(text, a_=argument)


_FUNCTIONS = {
    "from_milliseconds": _of_one("make_timestamp_ns(CAST(a_ AS BIGINT) * 1000000)"),
    "from_nanoseconds": _of_one("make_timestamp_ns(CAST(a_ AS BIGINT))"),
    "to_milliseconds": _of_one("epoch_ms(a_)"),
    "to_nanoseconds": _of_one("epoch_ns(a_)"),
    "from_iso8601_timestamp": _of_one("CAST(a_ AS TIMESTAMP_NS)"),
}


def _source(catalog: Catalog, table: exp.Table) -> exp.Query:
    if not table.db or table.catalog:
        raise QueryRefusedError(f'name the table as "database"."table", not {table.sql()}')
    found = catalog.table(table.db, table.name)
    return guard.columns_of(found, columns_in_order(found))
