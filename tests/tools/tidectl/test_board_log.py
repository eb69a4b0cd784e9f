"""What a board logs is told as it comes, whole lines only, and never without end."""

from pathlib import Path

from tidectl.board_log import LINES_MAX, BoardLog


def test_only_whole_lines_that_came_since_are_told(tmp_path: Path) -> None:
    path = tmp_path / "board.log"
    path.write_text("before\n")
    log = BoardLog(path)
    assert log.news() == []
    with path.open("a") as file:
        file.write("first\nsec")
        file.flush()
        assert log.news() == ["first"]
        assert log.news() == []
        file.write("ond\n")
    assert log.news() == ["second"]


def test_a_log_that_is_not_there_yet_or_was_emptied_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "board.log"
    log = BoardLog(path)
    assert log.news() == []
    path.write_text("a line that is long\n")
    assert log.news() == ["a line that is long"]
    path.write_text("short\n")
    assert log.news() == ["short"]


def test_of_very_many_lines_the_newest_are_told_and_how_many_there_were(tmp_path: Path) -> None:
    path = tmp_path / "board.log"
    log = BoardLog(path)
    path.write_text("".join(f"{number}\n" for number in range(LINES_MAX + 5)))
    told = log.news()
    assert told[0] == f"... 5 more in {path}"
    assert told[1:] == [str(number) for number in range(5, LINES_MAX + 5)]
    path.write_text("no line ends here" * 10_000)
    assert log.news() == []
