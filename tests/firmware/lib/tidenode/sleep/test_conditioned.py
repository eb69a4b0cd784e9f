"""What was kept while a board slept is corrected, and held back, by the times of the samples."""

from typing import Any

from tests.firmware.lib.tidenode.test_conditioning import conditions
from tidenode.field_options import rated
from tidenode.sleep.conditioned import conditioned

T0 = 1_790_000_000_000
MINUTE_MS = 60_000


def rows(*temperatures: int | None) -> Any:
    return [(4, T0 + at * MINUTE_MS, [value, 1, 2]) for at, value in enumerate(temperatures)]


def test_without_a_deadband_all_are_kept_corrected() -> None:
    asked = conditions(temperature_c={"calibration": {"offset": "1"}})
    found = conditioned(rows(2_000, None, 2_050), asked, MINUTE_MS)
    assert found == rows(2_100, None, 2_150)


def test_a_quality_is_not_corrected_and_its_change_is_kept() -> None:
    asked = conditions(temperature_c={"calibration": {"offset": "1"}, "deadband": "9"})
    asked = rated(asked, (("temperature_c", 2),), "", [])
    lost: Any = [None, None, None, 2]
    values = [[2_000, 1, 2, 0], [2_000, 1, 2, 0], lost, lost, [2_000, 1, 2, 0]]
    given = [(4, T0 + at * MINUTE_MS, one) for at, one in enumerate(values)]
    found = [one for _, _, one in conditioned(given, asked, MINUTE_MS)]  # type: ignore[arg-type]  # rows are lists
    assert found == [[2_100, 1, 2, 0], lost, [2_100, 1, 2, 0]]


def test_what_tells_nothing_new_is_held_back_until_it_is_due() -> None:
    asked = conditions(temperature_c={"deadband": "0.5", "max_interval_ms": 3 * MINUTE_MS})
    found = conditioned(rows(2_000, 2_010, 2_051, 2_052, 2_053, 2_054, 2_055), asked, MINUTE_MS)
    kept = [(time_ms - T0) // MINUTE_MS for _, time_ms, _ in found]
    assert kept == [0, 2, 5]
