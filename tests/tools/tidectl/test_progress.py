"""Progress where there is no terminal: a line for each step and each quarter."""

import pytest

from tidectl.progress import Progress


def test_steps_and_quarters_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.step("reading [x]")
        for percent in range(0, 101, 10):
            progress.at(percent)
        progress.note("  a note")
        progress.step("writing")
        progress.at(100)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "reading [x]",
        "reading [x]: 25 %",
        "reading [x]: 50 %",
        "reading [x]: 75 %",
        "reading [x]: 100 %",
        "  a note",
        "writing",
        "writing: 100 %",
    ]
