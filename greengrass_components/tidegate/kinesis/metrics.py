"""What a producer counts, under the names that the Kinesis Producer Library gives it.

https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-kpl.html
"""

from collections import Counter
from dataclasses import dataclass, field

Number = int | float


@dataclass(slots=True)
class Spread:
    """Count, sum, least and most of a figure."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        """Take one more."""
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value) if self.count else value
        self.count += 1
        self.total += value

    @property
    def mean(self) -> float:
        """The mean; 0 of none."""
        return self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class Metrics:
    """Counts since the start; times in milliseconds, sizes in bytes.

    `UserRecordExpired` is mirrored to show that it stays 0: nothing expires here.
    """

    user_records_received: int = 0
    user_records_pending: int = 0
    user_records_put: int = 0
    user_records_data_put: int = 0
    kinesis_records_put: int = 0
    kinesis_records_data_put: int = 0
    all_errors: int = 0
    errors_by_code: Counter[str] = field(default_factory=Counter)
    user_record_expired: int = 0
    user_records_refused: int = 0  # ours: what Kinesis will never take, set aside
    put_units: int = 0  # ours: started 25 KiB of each record put, which AWS bills
    retries_per_record: Spread = field(default_factory=Spread)
    buffering_time: Spread = field(default_factory=Spread)
    request_time: Spread = field(default_factory=Spread)
    user_records_per_kinesis_record: Spread = field(default_factory=Spread)
    kinesis_records_per_put_records_request: Spread = field(default_factory=Spread)
    user_records_per_put_records_request: Spread = field(default_factory=Spread)

    def fail(self, code: str, count: int = 1) -> None:
        """Count a failure of `count` records."""
        self.all_errors += count
        self.errors_by_code[code] += count

    def document(self) -> dict[str, Number | dict[str, Number]]:
        """Return all of it under the library's names."""
        found: dict[str, Number | dict[str, Number]] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            title = "".join(word.capitalize() for word in name.split("_"))
            if isinstance(value, Spread):
                found[title] = {
                    "count": value.count,
                    "mean": value.mean,
                    "min": value.least,
                    "max": value.most,
                }
            else:
                found[title] = dict(value) if isinstance(value, Counter) else value
        return found
