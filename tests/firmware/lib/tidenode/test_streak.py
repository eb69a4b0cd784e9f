"""Starts that come to nothing are counted; after so many there is one in safe mode."""

from pathlib import Path

from tidenode import streak


def begin(folder: Path, boots: range, *, after_fault: bool = True) -> list[bool]:
    return [streak.begin(boot, after_fault, str(folder / "health")) for boot in boots]


def test_the_first_start_and_one_by_power_begin_no_streak(tmp_path: Path) -> None:
    assert begin(tmp_path, range(1, 2), after_fault=False) == [False]
    assert begin(tmp_path, range(2, 40), after_fault=False) == [False] * 38


def test_after_so_many_in_a_row_there_is_one_in_safe_mode_and_it_begins_anew(
    tmp_path: Path,
) -> None:
    begin(tmp_path, range(1, 2), after_fault=False)
    vain = [False] * streak.STARTS_MAX
    later = [*vain[1:], True, *vain, True, *vain]
    assert begin(tmp_path, range(2, 2 + len(later))) == later


def test_a_start_that_proves_itself_ends_the_streak(tmp_path: Path) -> None:
    begin(tmp_path, range(1, 2), after_fault=False)
    begin(tmp_path, range(2, streak.STARTS_MAX))
    streak.prove(streak.STARTS_MAX - 1, str(tmp_path / "health"))
    again = range(streak.STARTS_MAX, 2 * streak.STARTS_MAX)
    assert begin(tmp_path, again) == [False] * streak.STARTS_MAX
    assert begin(tmp_path, range(again.stop, again.stop + 1)) == [True]


def test_a_plug_that_was_pulled_ends_the_streak(tmp_path: Path) -> None:
    begin(tmp_path, range(1, 2), after_fault=False)
    begin(tmp_path, range(2, 1 + streak.STARTS_MAX))
    assert begin(tmp_path, range(9, 10), after_fault=False) == [False]
    assert begin(tmp_path, range(10, 9 + streak.STARTS_MAX)) == [False] * (streak.STARTS_MAX - 1)


def test_an_older_flash_with_many_starts_is_no_streak(tmp_path: Path) -> None:
    assert begin(tmp_path, range(500, 501)) == [False]


def test_counters_that_began_anew_are_no_streak(tmp_path: Path) -> None:
    streak.prove(500, str(tmp_path / "health"))
    assert begin(tmp_path, range(1, 3)) == [False, False]


def test_a_flash_that_can_not_be_written_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / "health").touch()
    assert begin(tmp_path, range(1, 20)) == [False] * 19


def test_each_start_leaves_one_name(tmp_path: Path) -> None:
    begin(tmp_path, range(1, 20))
    assert len(list((tmp_path / "health").iterdir())) == 1
