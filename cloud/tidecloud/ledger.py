"""The ledger: one entry per stored batch, from which every gap and duplicate can be found."""

from dataclasses import dataclass

LEDGER_TABLE = "tidegauge_ledger"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the store holds of one batch.

    Its key is thing, measurement, boot, sequence and `time_ns`, the first sample's time;
    foreign payloads have neither boot nor sequence. A redelivered batch writes its entry over
    the older one.
    """

    thing: str
    measurement: str
    boot: int | None
    sequence: int | None
    time_ns: int
    samples: int  # rows of the batch in the store
    samples_empty: int  # samples without any value, which no store can hold
    values_not_finite: int  # NaN and infinities, stored as missing values
    last_time_ms: int
    received_at_ms: int
    stored_at_ms: int

    def tags(self) -> dict[str, str]:
        """Return the key columns, in the order of the table."""
        tags = {"measurement": self.measurement, "thing": self.thing}
        if self.boot is not None:
            tags["boot"] = str(self.boot)
        if self.sequence is not None:
            tags["sequence"] = str(self.sequence)
        return tags

    def fields(self) -> dict[str, int]:
        """Return the integer columns, in the order of the table."""
        return {
            "samples": self.samples,
            "samples_empty": self.samples_empty,
            "values_not_finite": self.values_not_finite,
            "last_time_ms": self.last_time_ms,
            "received_at_ms": self.received_at_ms,
            "stored_at_ms": self.stored_at_ms,
        }
