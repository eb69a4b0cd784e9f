"""Power cuts at every stage of an update, on the real LittleFS: a board always has a version."""

from pathlib import Path

import pytest

from tests.firmware import vm

RUN = Path(__file__).parents[1] / "update_cuts_run.py"
HEAP_BYTES = 16 << 20  # the flash is in RAM: it is the harness that needs it


@pytest.mark.parametrize("seed", [1, 2])
def test_no_power_cut_leaves_a_board_without_a_whole_version(seed: int) -> None:
    result = vm.run(RUN, str(seed), "60", heap_bytes=HEAP_BYTES)
    assert result["failures"] == 0, f"seed {seed}: {result['first']}"
    assert result["cuts"] >= 200
    assert result["places"].keys() >= {"manifest", "files", "trial", "fall back"}
    assert result["fates"].keys() == {"proves", "silent", "broken"}


def test_the_power_cuts_find_a_board_that_switches_before_everything_is_there() -> None:
    result = vm.run(RUN, "1", "10", "early", heap_bytes=HEAP_BYTES)
    assert result["failures"] >= 5
