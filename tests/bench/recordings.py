"""The recordings that the benches measure with, or seeded stand-ins where those are absent."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tidewire import Batch, column_of

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
BATCH_SAMPLES = 60
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples of one measurement: a column of numbers per field, each as long as `times_ms`."""

    name: str
    real: bool
    times_ms: list[int]
    fields: dict[str, list[float]]

    @property
    def title(self) -> str:
        """What to print: a synthetic recording says so."""
        return self.name if self.real else f"{self.name} (synthetic: the recording is absent)"

    @property
    def values(self) -> int:
        """How many values it has, times not counted."""
        return len(self.times_ms) * len(self.fields)

    def batches(self) -> Iterator[Batch]:
        """Yield it in batches of BATCH_SAMPLES."""
        for sequence, start in enumerate(range(0, len(self.times_ms), BATCH_SAMPLES)):
            part = slice(start, start + BATCH_SAMPLES)
            columns = [column_of(name, values[part]) for name, values in self.fields.items()]
            yield Batch("plant-7", "board-01", self.name, 3, sequence, self.times_ms[part], columns)


def house() -> Recording:
    """Return the house's climate: ten-minute grid with gaps, 19 fields of one or two decimals."""
    return _read("house", "house_climate.csv") or _synthetic("house", 4_932, 19, 2, 600_000)


def pump() -> Recording:
    """Return the pump's sensors: about 1 Hz, 8 fields of up to six decimals."""
    return _read("pump", "pump_normal.csv") or _synthetic("pump", 9_405, 8, 4, 1_000)


def _read(name: str, file: str) -> Recording | None:
    if not (FOLDER / file).exists():
        return None
    with (FOLDER / file).open(newline="") as lines:
        header, *rows = csv.reader(lines)
    times = [datetime.fromisoformat(row[0].replace("Z", "+00:00")) for row in rows]
    fields = {header[i]: [float(row[i]) for row in rows] for i in range(1, len(header))}
    millisecond = timedelta(milliseconds=1)
    return Recording(name, True, [(time - _EPOCH) // millisecond for time in times], fields)


def _synthetic(name: str, samples: int, fields: int, decimals: int, period_ms: int) -> Recording:
    """Walk at random, seeded: the same numbers each time."""
    dice = random.Random(name)  # not for secrets
    walks: dict[str, list[float]] = {}
    for number in range(fields):
        level, walk = dice.randint(1_000, 9_000), []
        for _ in range(samples):
            level += round(dice.gauss(0, 8))
            walk.append(level / 10**decimals)
        walks[f"channel_{number + 1}"] = walk
    start_ms = 1_700_000_000_000
    times_ms = [start_ms + i * period_ms for i in range(samples) if dice.random() > 0.02]
    return Recording(name, False, times_ms, {k: v[: len(times_ms)] for k, v in walks.items()})
