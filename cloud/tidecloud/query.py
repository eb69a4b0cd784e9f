"""The query API's request and response: one read-only statement in, bounded rows out."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidecloud.errors import QueryError
from tidecloud.statement import read_only

ROWS_DEFAULT = 1_000
ROWS_MAX = 10_000


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
