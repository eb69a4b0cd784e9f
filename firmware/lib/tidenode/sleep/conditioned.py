"""Do to the samples of an upload what the configuration asks of their fields. Pure.

A wake keeps what the sensor said, so that it need not know. The first sample of each upload is
kept: what was kept before is not known any more.
"""

from tidenode.conditioning import Conditioner, corrected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.field_options import Conditions
    from tidenode.sleep.memory import Sample


def conditioned(rows: "list[Sample]", conditions: "Conditions", period_ms: int) -> "list[Sample]":
    """Return those of `rows`, of one measurement in order, that are kept, corrected."""
    kept = _Kept()
    stage = Conditioner(
        batcher=kept,  # type: ignore[arg-type]  # all of it that is asked for
        conditions=conditions,
        period_ms=period_ms,
        clock=kept,  # type: ignore[arg-type]  # it tells the time, too
    )
    for kept.number, kept.now_ms, values in rows:
        stage.add(kept.now_ms, _corrected(values, conditions.polynomials))
    return kept.rows


class _Kept:
    """The stage behind, and the clock: time goes by the samples."""

    fields = 0

    def __init__(self) -> None:
        self.number = self.now_ms = 0
        self.rows: list[Sample] = []

    def add(self, time_ms: int, values: "Any") -> None:
        self.rows.append((self.number, time_ms, values))

    def monotonic_ms(self) -> int:
        return self.now_ms

    def flush(self) -> None: ...

    def flush_if_old(self) -> None: ...


def _corrected(values: "Any", polynomials: "Any") -> "list[int | None]":
    found = []
    for number, polynomial in enumerate(polynomials):
        value = values[number]
        found.append(corrected(value, polynomial) if polynomial and value is not None else value)
    return found + list(values[len(polynomials) :])  # a quality, which nothing corrects
