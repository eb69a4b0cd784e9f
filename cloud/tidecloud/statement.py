"""A statement of SQL: checked to be one that only reads, and bounded before it runs."""

import re

from tidecloud.errors import QueryError

# LiveAnalytics takes 262,144 characters; no one types that much.
SQL_CHARS_MAX = 65_536

_READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "VALUES")
_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+(ANALYZE|VERBOSE))*\s+", re.IGNORECASE)
_WRITING = re.compile(
    r"\b(INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|UPDATE\s+[\w.\"]+\s+SET|COPY\s|UNLOAD\s*\()",
    re.IGNORECASE,
)
# What a statement says inside these is text, or nothing at all.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(--[^\n]*|/\*.*?\*/)", re.DOTALL)
_BOUNDED = re.compile(r"\b(LIMIT|OFFSET|FETCH)\b", re.IGNORECASE)


def read_only(sql: str) -> str:
    """Return the statement without its end, if it is one and only reads; raises `QueryError`.

    The store is where writing ends, by its rights; this makes the mistake clear before.
    """
    if len(sql) > SQL_CHARS_MAX:
        raise QueryError(f"the statement has {len(sql)} characters, at most {SQL_CHARS_MAX}")
    statement = sql.strip().removesuffix(";").rstrip()
    bare = _bare(statement)
    if ";" in bare:
        raise QueryError("one statement at a time")
    bare = _EXPLAIN.sub("", bare, count=1).lstrip("( \t\r\n")
    first = re.match(r"\w*", bare)
    word = first.group().upper() if first else ""
    if word not in _READING:
        raise QueryError(f"a statement begins with one of {', '.join(_READING)}, not {word!r}")
    writing = _WRITING.search(bare)
    if writing:
        raise QueryError(f"a statement only reads: {writing.group().strip()!r} writes")
    return statement


def limited(sql: str, rows_max: int) -> str:
    """Return the statement with a limit, so that a store does not work for rows no one reads.

    A statement that has some limit of its own, even inside, is left as it is.
    """
    bare = _bare(sql).lstrip("( \t\r\n")
    if not re.match(r"(SELECT|WITH|VALUES)\b", bare, re.IGNORECASE) or _BOUNDED.search(bare):
        return sql
    return f"{sql}\nLIMIT {rows_max}"  # on its own line: the last one may be a comment


def _bare(sql: str) -> str:
    """Return the statement with its quoted texts emptied and its comments gone."""
    return _QUOTED.sub(lambda found: " " if found[1] else "''", sql).strip()
