"""What carries messages out of the gateway: each kind of export is a sender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.segment_log import Record


@dataclass(frozen=True, slots=True)
class Report:
    """An event for a status stream: `level` 0 is an error, 4 a trace; `wire` as AWS has it."""

    level: int
    wire: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch: its first `finished` records are done with, for good.

    `error` says why the rest is not; `progressed` that more of it got through than before, so
    that the next try need not wait long.
    """

    finished: int
    error: str | None = None
    progressed: bool = False
    reports: tuple[Report, ...] = ()


class Sender(Protocol):
    """Sends batches of one export; called by one thread at a time, and may block."""

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Send `records`, the same ones again from the first that was not finished."""

    def close(self) -> None:
        """Let go of connections."""
