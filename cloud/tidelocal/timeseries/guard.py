"""Let through statements that only read, and only the tables of the catalogue.

Each face parses its dialect with sqlglot and hands the tree here; what runs is SQL generated
from the checked tree, never the caller's text. Behind this stand DuckDB's own locks: no file
or network access, a locked configuration, a read-only transaction.
"""

import logging
from collections.abc import Callable, Iterable
from typing import cast

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tidelocal.timeseries.errors import QueryRefusedError
from tidelocal.timeseries.schema import Table

STATEMENT_BYTES_MAX = 262_144  # Timestream's limit; InfluxDB names none
_DEPTH_MAX = 200  # of the tree; the translators walk it by recursion
_TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
_WRITES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Set, exp.Pragma, exp.Attach, exp.Use)
# Of DuckDB's functions without side effects, those that look at the machine or the catalogue.
_REFUSED_PREFIXES = ("pg_", "duckdb_", "pragma_", "read_", "current_setting", "getenv", "query",
    "has_", "json_execute", "json_serialize_sql", "col_description", "obj_description",
    "shobj_", "write_", "set_config", "getvariable", "txid_", "in_search_path")  # fmt: skip


# It logs the statements that it does not know; what callers send is never logged.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Functions:
    """The names of DuckDB's functions that a statement may call."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE "
            "function_type IN ('scalar', 'aggregate', 'macro', 'window') "
            "AND coalesce(has_side_effects, false) = false"
        ).fetchall()
        self._allowed = frozenset(
            name for (name,) in rows if not name.startswith(_REFUSED_PREFIXES)
        )

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._allowed


def parse_one(statement: str, dialect: str) -> exp.Expression:
    """Parse a single statement. Raises QueryRefusedError."""
    if len(statement.encode()) > STATEMENT_BYTES_MAX:
        raise QueryRefusedError(f"the statement is longer than {STATEMENT_BYTES_MAX} bytes")
    try:
        trees = [tree for tree in sqlglot.parse(statement, read=dialect) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise QueryRefusedError(f"syntax error: {_first_line(error)}") from None
    if len(trees) != 1:
        raise QueryRefusedError(f"expected one statement, got {len(trees)}")
    return cast(exp.Expression, trees[0])


def check(tree: exp.Expression, functions: Functions) -> None:
    """Raises QueryRefusedError unless `tree` only selects, with known functions."""
    if not isinstance(tree, exp.Query):
        raise QueryRefusedError(
            f"only SELECT, WITH, SHOW, DESCRIBE and EXPLAIN are answered, not {tree.key.upper()}"
        )
    for node in tree.walk():
        if node.depth > _DEPTH_MAX:
            raise QueryRefusedError(f"the statement nests deeper than {_DEPTH_MAX}")
        if isinstance(node, _WRITES):
            raise QueryRefusedError(f"a query cannot hold {node.key.upper()}")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            name = function_name(node.this)
            if name not in _TABLE_FUNCTIONS:
                raise QueryRefusedError(f"the table function {name} is not available")
        elif isinstance(node, exp.Func) and not isinstance(node, exp.Connector | exp.Case):
            _check_function(node, functions)


def _check_function(node: exp.Func, functions: Functions) -> None:
    name = function_name(node)
    if isinstance(node, exp.Anonymous):
        if name not in functions and name not in _TABLE_FUNCTIONS:
            raise QueryRefusedError(f"the function {name} is not available")
    elif name.startswith(_REFUSED_PREFIXES):
        raise QueryRefusedError(f"the function {name} is not available")


def function_name(node: exp.Func) -> str:
    """The name a function was called by, or sqlglot's name for it, in lower case."""
    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()


def resolve_tables(
    tree: exp.Expression, source: Callable[[exp.Table], exp.Query]
) -> exp.Expression:
    """Put what `source` gives in the place of each table that is no common table expression."""
    tables = [node for node in tree.find_all(exp.Table) if not isinstance(node.this, exp.Func)]
    for table in tables:
        if not table.db and _is_common_table(table):
            continue
        inner = exp.Subquery(
            this=source(table), alias=exp.TableAlias(this=exp.to_identifier(_alias(table), True))
        )
        alias = table.args.get("alias")
        if alias is not None:
            inner.set("alias", alias.copy())
        for name in ("joins", "laterals", "pivots", "sample"):
            inner.set(name, table.args.get(name))
        table.replace(inner)
    return tree


def columns_of(table: Table, names: Iterable[str]) -> exp.Select:
    """`SELECT names FROM` the DuckDB table behind `table`; hides what is not named."""
    selected = [exp.column(exp.to_identifier(name, quoted=True)) for name in names]
    return exp.select(*selected).from_(exp.maybe_parse(table.sql_name, into=exp.Table))


def generate(tree: exp.Expression) -> str:
    """DuckDB's SQL of a checked tree. Raises QueryRefusedError for what it cannot say."""
    try:
        return tree.sql(dialect="duckdb")
    except (SqlglotError, ValueError, RecursionError) as error:
        raise QueryRefusedError(f"cannot translate the statement: {_first_line(error)}") from None


def _alias(table: exp.Table) -> str:
    return table.alias or table.name


def _is_common_table(table: exp.Table) -> bool:
    name = table.name.casefold()
    node: exp.Expression = table
    while (parent := cast("exp.Expression | None", node.parent)) is not None:
        with_ = parent.args.get("with_") or parent.args.get("with")
        if with_ is not None and with_ is not node:
            visible = with_.expressions
        elif isinstance(parent, exp.With):
            # Inside one of them: those before it, and itself when it may recurse.
            upto = parent.expressions.index(node) + bool(parent.args.get("recursive"))
            visible = parent.expressions[:upto]
        else:
            visible = []
        if any(each.alias.casefold() == name for each in visible):
            return True
        node = parent
    return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
