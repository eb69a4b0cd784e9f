"""A command to write one value into a device, or to acknowledge an alarm, and what became of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidegate.errors import GateError
from tidegate.stream import Value

TTL_MS = 30_000  # of a command that names none: an old order must not move a machine
TTL_MS_MAX = 3_600_000
TEXT_MAX = 128  # of a key or a name
WRITE, ACKNOWLEDGE = "write", "acknowledge"
_COMMON = frozenset({"command", "key", "thing", "measurement", "issued_at_ms", "ttl_ms"})
_KNOWN = {WRITE: _COMMON | {"field", "value"}, ACKNOWLEDGE: _COMMON | {"alarm"}}


class Outcome(StrEnum):
    """How a command ended; only DONE and UNVERIFIED have written."""

    DONE = "done"
    UNVERIFIED = "unverified"  # written, and read back as something else or not at all
    FAILED = "failed"  # the device refused or did not answer; it may have written all the same
    REFUSED = "refused"  # not allowed, out of range, malformed
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # the gateway ended while it wrote: look at the device


class CommandError(GateError):
    """A command that is none; the text is for who gave it."""


@dataclass(frozen=True, slots=True)
class Command:
    """`key` says that two messages are one command; `expires_at_ms` is by the gateway's clock.

    Of one that acknowledges, `field` is the alarm's name and `value` None.
    """

    key: str
    thing: str
    measurement: str
    field: str
    value: Value
    expires_at_ms: int
    source: str
    acknowledges: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command; `before` and `after` are the values read around it."""

    key: str
    outcome: Outcome
    detail: str = ""
    before: Value = None
    after: Value = None
    took_ms: int = 0
    repeated: bool = False

    def document(self) -> dict[str, Value]:
        """Return it as it is sent."""
        return {
            "key": self.key, "outcome": self.outcome.value, "detail": self.detail,
            "before": self.before, "after": self.after, "took_ms": self.took_ms,
            "repeated": self.repeated,
        }  # fmt: skip


def read_command(
    message: bytes | Mapping[str, Any], *, key: str, source: str, now_ms: int
) -> Command:
    """Read `{"command": "write", "thing", "measurement", "field", "value", ...}`, or one that
    acknowledges, `{"command": "acknowledge", "thing", "measurement", "alarm", ...}`.

    `key` is the default of the message's own. Without `issued_at_ms` a command's time to live,
    `ttl_ms`, begins when it arrives. Raises `CommandError`.
    """
    if isinstance(message, bytes):
        try:
            message = json.loads(message)
        except (ValueError, RecursionError) as error:
            raise CommandError(f"no JSON: {error}") from error
    name = str(message.get("command")) if isinstance(message, Mapping) else ""
    if not isinstance(message, Mapping) or name not in _KNOWN:
        raise CommandError('a command is an object with "command": "write" or "acknowledge"')
    strange = sorted(set(message) - _KNOWN[name])
    if strange:
        raise CommandError(f"unknown: {', '.join(map(str, strange))[:TEXT_MAX]}")
    acknowledges = name == ACKNOWLEDGE
    target = "alarm" if acknowledges else "field"
    names = {
        name: _text(message, name, default)
        for name, default in (("key", key), ("thing", ""), ("measurement", None), (target, None))
    }
    if not names["key"]:
        raise CommandError("key is empty: two such commands would be one")
    value = message.get("value")
    if not acknowledges and not isinstance(value, bool | int | float | str):
        raise CommandError("value is missing, or is no number, truth or text")
    issued_at_ms = _integer(message, "issued_at_ms", now_ms, 0, 1 << 53)
    ttl_ms = _integer(message, "ttl_ms", TTL_MS, 1, TTL_MS_MAX)
    return Command(
        names["key"], names["thing"], names["measurement"], names[target], value,
        issued_at_ms + ttl_ms, source, acknowledges,
    )  # fmt: skip


def _text(message: Mapping[str, Any], name: str, default: str | None) -> str:
    value = message.get(name, default)
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise CommandError(f"{name} is missing, or no text of at most {TEXT_MAX} characters")
    return value


def _integer(message: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = message.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CommandError(f"{name} is {value!r}, not a whole number from {low} to {high}")
    return value
