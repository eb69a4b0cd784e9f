"""How an update has ended is known after any restart, and told however often it takes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.lib.tidenode.update.bundles import Slots
from tidenode.operations import update

WHY = "no message of its own came back in 600 s"


class Told:
    """A job as the cloud gives it again, with `details` of the try before."""

    def __init__(self, restarted: bool = True, **details: str) -> None:
        self.details = details
        self.restarted = restarted

    async def report(self, details: dict[str, str]) -> None:
        self.details = details

    def ended(self, board: Slots) -> tuple[str, dict[str, str]] | None:
        job: Any = self
        return asyncio.run(update._told(job, board.module))


@pytest.fixture
def board(tmp_path: Path) -> Slots:
    """A board that has brought version 1.1.0 and is to start it."""
    board = Slots(tmp_path)
    assert board.bring(board.bundle(board.key())) == "1.1.0"
    assert board.module.choose().endswith("app_b")
    return board


def test_a_version_that_proved_itself_is_told_without_a_download(board: Slots) -> None:
    board.module.settle()
    job = Told(step="restart", version="1.1.0")
    assert job.ended(board) == ("SUCCEEDED", {"step": "in force"})


def test_a_version_that_was_given_up_is_told_with_its_reason_and_may_be_tried_anew(
    board: Slots,
) -> None:
    board.module.end_trial(WHY)
    job = Told(step="restart", version="1.1.0")
    ended = job.ended(board)
    assert ended == ("FAILED", {"reason": f"version 1.1.0 was rolled back: {WHY}"})
    assert job.details == {"step": "rolled back", "version": "1.1.0", "why": WHY}
    assert board.state() == ("a", 0, "good")


def test_a_report_that_was_lost_is_given_again_and_nothing_is_put_on_trial_twice(
    board: Slots,
) -> None:
    board.module.end_trial(WHY)
    job = Told(step="restart", version="1.1.0")
    first = job.ended(board)
    again = Told(restarted=False, **job.details)  # the last report never arrived
    assert again.ended(board) == first
    assert board.state() == ("a", 0, "good")


@pytest.mark.parametrize(
    "job",
    [
        Told(),
        Told(restarted=False, step="restart", version="1.1.0"),  # cut before the restart
        Told(step="files", version="1.1.0", percent="40"),
        Told(step="restart", version="2.0.0"),  # of another bundle
    ],
)
def test_where_nothing_is_decided_there_is_more_to_do(board: Slots, job: Told) -> None:
    board.module.settle()
    assert job.ended(board) is None
