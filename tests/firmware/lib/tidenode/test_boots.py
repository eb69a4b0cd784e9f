"""Each start has a number of its own, on flash before anything uses it."""

from pathlib import Path

from tidenode.boots import count_boot


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_starts_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    assert [count_boot(str(folder)) for _ in range(3)] == [1, 2, 3]
    assert names(folder) == {"3.boots"}


def test_a_cut_between_the_new_name_and_the_old_ones_end_counts_on(tmp_path: Path) -> None:
    for name in ("9.boots", "10.boots", "7.sent"):
        (tmp_path / name).touch()
    assert count_boot(str(tmp_path)) == 11
    assert names(tmp_path) == {"11.boots", "7.sent"}
