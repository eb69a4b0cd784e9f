"""A request of the query API is read strictly: one statement that only reads."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecloud import QueryError
from tidecloud.query import ROWS_DEFAULT, ROWS_MAX, Question, question_of


def event(document: Any) -> dict[str, Any]:
    return {"version": "2.0", "body": json.dumps(document), "isBase64Encoded": False}


def test_a_request_gives_its_statement_and_its_bound() -> None:
    assert question_of(event({"sql": " SELECT 1 ; "})) == Question("SELECT 1", ROWS_DEFAULT)
    assert question_of(event({"sql": "SELECT 1", "rows_max": 5})).rows_max == 5


def test_a_body_in_base64_is_read_as_well() -> None:
    body = base64.b64encode(b'{"sql": "SELECT 1"}').decode()
    assert question_of({"body": body, "isBase64Encoded": True}).sql == "SELECT 1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "must be JSON"),
        ("", "must be JSON"),
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[]", "JSON object"),
        ("{}", "sql must be a text"),
        ('{"sql": " "}', "sql must be a text"),
        ('{"sql": 1}', "sql must be a text"),
        ('{"sql": "SELECT 1", "rows": 1}', "unknown keys: rows"),
        ('{"sql": "SELECT 1", "rows_max": 0}', "rows_max"),
        ('{"sql": "SELECT 1", "rows_max": true}', "rows_max"),
        (json.dumps({"sql": "SELECT 1", "rows_max": ROWS_MAX + 1}), f"1 to {ROWS_MAX}"),
        (json.dumps({"sql": "SELECT " + "1" * 70_000}), "at most 65536"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(body: str | None, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        question_of({"body": body})


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_body_is_read_or_refused(body: bytes | str) -> None:
    text = body if isinstance(body, str) else body.decode("latin-1")
    for encoded in (False, True):
        with contextlib.suppress(QueryError):
            question_of({"body": text, "isBase64Encoded": encoded})
