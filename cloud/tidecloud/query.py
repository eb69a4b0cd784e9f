"""The query API's request and response: one read-only statement in, bounded rows out."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidecloud.errors import QueryError

ROWS_DEFAULT = 1_000
ROWS_MAX = 10_000
# LiveAnalytics takes 262,144 characters; no one types that much.
SQL_CHARS_MAX = 65_536

_READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "VALUES")
_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+(ANALYZE|VERBOSE))*\s+", re.IGNORECASE)
_WRITING = re.compile(
    r"\b(INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|UPDATE\s+[\w.\"]+\s+SET|COPY\s|UNLOAD\s*\()",
    re.IGNORECASE,
)
# What a statement says inside these is text, not SQL.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that only reads, and how many rows the asker wants at most."""

    sql: str
    rows_max: int


def question_of(event: Mapping[str, Any]) -> Question:
    """Read an API Gateway event (payload format 2.0); raises `QueryError`."""
    document = _body_of(event)
    unknown = sorted(document.keys() - {"sql", "rows_max"})
    if unknown:
        raise QueryError(f"unknown keys: {', '.join(unknown)}; known are sql and rows_max")
    sql = document.get("sql")
    if not isinstance(sql, str) or not sql.strip():
        raise QueryError("sql must be a text with one statement")
    rows_max = document.get("rows_max", ROWS_DEFAULT)
    if type(rows_max) is not int or not 1 <= rows_max <= ROWS_MAX:
        raise QueryError(f"rows_max must be a whole number from 1 to {ROWS_MAX}")
    return Question(read_only(sql), rows_max)


def read_only(sql: str) -> str:
    """Return the statement without its end, if it is one and only reads; raises `QueryError`.

    The store is where writing ends, by its rights; this makes the mistake clear before.
    """
    if len(sql) > SQL_CHARS_MAX:
        raise QueryError(f"the statement has {len(sql)} characters, at most {SQL_CHARS_MAX}")
    statement = sql.strip().removesuffix(";").rstrip()
    bare = _QUOTED.sub("''", statement)
    if ";" in bare:
        raise QueryError("one statement at a time")
    bare = _EXPLAIN.sub("", bare).lstrip("( \t\r\n")
    first = re.match(r"\w*", bare)
    word = first.group().upper() if first else ""
    if word not in _READING:
        raise QueryError(f"a statement begins with one of {', '.join(_READING)}, not {word!r}")
    writing = _WRITING.search(bare)
    if writing:
        raise QueryError(f"a statement only reads: {writing.group().strip()!r} writes")
    return statement


def response(status: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an HTTP response for API Gateway."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(document, separators=(",", ":")),
    }


def _body_of(event: Mapping[str, Any]) -> dict[str, Any]:
    body = event.get("body") or ""
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True).decode()
        document = json.loads(body)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise QueryError(f"the body must be JSON: {error}") from error
    if not isinstance(document, dict):
        raise QueryError('the body must be a JSON object such as {"sql": "SELECT 1"}')
    return document
