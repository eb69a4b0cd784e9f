"""What ingest and query ask of a store, whatever its engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidecloud.ledger import LedgerEntry
from tidecloud.rows import Rows

# One cell of an answer; lists and objects come from nested types of an engine.
Cell = str | int | float | bool | list["Cell"] | dict[str, "Cell"] | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The store will never take `samples` of the batch at `index`; the others are stored."""

    index: int
    samples: int
    detail: str


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column; type is timestamp, integer, double, boolean, string, nested or null."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, cell by cell in the order of the columns."""

    columns: list[AnswerColumn]
    rows: list[list[Cell]]
    truncated: bool


class Store(Protocol):
    """A time-series database that takes batches and answers SQL."""

    def write(self, rows: Sequence[Rows], ledger: Sequence[LedgerEntry]) -> list[Refusal]:
        """Store batches and their ledger entries, in order; writing them twice changes nothing.

        `ledger[i]` is the entry of `rows[i]`; the entry of a batch that was refused in part
        counts the samples that are stored. Raises `StoreBusyError`, which tells how many
        batches from the front are safe.
        """

    def query(self, sql: str, rows_max: int) -> Answer:
        """Run one read-only statement; raises `QueryError` or `StoreBusyError`."""
