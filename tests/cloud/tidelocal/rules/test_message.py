"""A message's document, and Undefined."""

import pytest

from tests.cloud.tidelocal.rules.messages import message
from tidelocal.rules.message import UNDEFINED


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe", b"{'a':1}", b"NaN", b"1e999", b"[" * 2000 + b"]" * 2000]
)
def test_a_payload_that_is_no_json_is_undefined(payload: bytes) -> None:
    assert message(payload).document is UNDEFINED


def test_any_json_is_the_document() -> None:
    assert message(b'{"a":[1,2.5,null]}').document == {"a": [1, 2.5, None]}
    assert message(b"null").document is None


def test_the_payload_is_decoded_once() -> None:
    one = message(b'{"a":1}')
    assert one.document is one.document


def test_undefined_is_not_true() -> None:
    assert not UNDEFINED
    assert repr(UNDEFINED) == "Undefined"
