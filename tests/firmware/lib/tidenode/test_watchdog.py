"""The watchdog is fed while all parts turn, and not when one is late."""

from types import SimpleNamespace

from tidenode.watchdog import Watchdog


class Board:
    """A watchdog over two parts, a clock and what was heard of both."""

    def __init__(self) -> None:
        self.now_ms = self.fed = 0
        self.late: list[tuple[str, bool]] = []
        self.link = SimpleNamespace(due_ms=None)
        self.climate = SimpleNamespace(due_ms=1_000, name="climate")
        self.watchdog = Watchdog(
            parts=[("link", self.link), ("", self.climate)],
            feed=self.feed,
            now_ms=lambda: self.now_ms,
            period_ms=10_000,
            late=lambda name, part, again: self.late.append((name or part.name, again)),
        )

    def feed(self) -> None:
        self.fed += 1

    def turned_at(self, now_ms: int) -> bool:
        """Return whether a turn at `now_ms` feeds."""
        before, self.now_ms = self.fed, now_ms
        self.watchdog.turn()
        return self.fed > before


def test_it_is_fed_while_nobody_is_late() -> None:
    board = Board()
    assert board.turned_at(0)
    assert board.turned_at(6_000)  # half a period after it was due


def test_a_part_that_is_late_is_named_once_and_starves_it() -> None:
    board = Board()
    assert not board.turned_at(6_001)
    assert not board.turned_at(6_101)
    assert board.late == [("climate", False)]


def test_a_part_that_turns_again_in_time_ends_it() -> None:
    board = Board()
    assert not board.turned_at(6_001)
    board.climate.due_ms = 7_000
    assert board.turned_at(6_101)
    board.link.due_ms = 7_000
    assert not board.turned_at(12_001)
    assert board.late == [("climate", False), ("climate", True), ("link", False)]


def test_a_part_that_waits_for_another_is_not_late() -> None:
    board = Board()
    board.climate.due_ms = None
    assert board.turned_at(1 << 40)
