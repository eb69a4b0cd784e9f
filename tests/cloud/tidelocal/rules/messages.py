"""Messages for the rules' tests, and the value of an expression on one."""

import json
from typing import Any

from tidelocal.rules.expression import compile_expression
from tidelocal.rules.grammar import parse_expression
from tidelocal.rules.message import Message, Value

RECEIVED_AT_MS = 1_790_000_000_123  # 2026-09-21T14:13:20.123Z


def message(payload: Any = b"{}", **other: Any) -> Message:
    """Return a message of `payload`, as JSON unless it is bytes."""
    facts: dict[str, Any] = {
        "topic": "dt/site/thing/climate",
        "client": "thing",
        "principal": "a-certificate",
        "trace_id": "a-trace",
        "source_ip": "192.0.2.7",
        "account": "000000000000",
        "region": "us-east-1",
        "received_at_ms": RECEIVED_AT_MS,
    }
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(payload=data, **facts | other)


def value_of(expression: str, payload: Any = b"{}", **other: Any) -> Value:
    """Return what `expression` is on a message of `payload`."""
    return compile_expression(parse_expression(expression))(message(payload, **other))
