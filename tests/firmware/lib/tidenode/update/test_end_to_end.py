"""From `tidectl` over the local cloud to the real firmware and back."""

import random
from pathlib import Path

from tests.firmware.lib.tidenode.control.test_health_from_afar import fallen_so_often
from tests.firmware.lib.tidenode.test_health import FAILS, flash_of, with_driver
from tests.firmware.lib.tidenode.update.updated import LATE_S_MAX, Updated, program
from tidectl.simulated_board import RESET_EXIT_CODE
from tidectl.target import Target

STARTS = "one for the update alone, one for the new version"


def test_a_board_takes_an_update_refuses_a_downgrade_and_goes_back_from_bad_ones(
    deployed: Target, tmp_path: Path
) -> None:
    with Updated(deployed, tmp_path, "updated-1") as one:
        good = one.publish("8.0.0", program(tmp_path, "good"))
        assert one.ended(good).status == "SUCCEEDED", one.log()
        assert one.resets == 2, STARTS
        assert "the new version has proved itself" in one.log()
        older = one.publish("7.0.0", program(tmp_path, "good", "older"))
        execution = one.ended(older)
        assert (execution.status, execution.details["reason"]) == (
            "REJECTED",
            "version 7.0.0 on 8.0.0",
        )
        broken = program(
            tmp_path, "good", "broken", start=("def run", "raise OSError(77)\n\n\ndef run")
        )
        execution = one.ended(one.publish("8.1.0", broken))
        assert execution.status == "FAILED", (execution, one.log())
        assert "8.1.0 was rolled back: OSError(77,)" in execution.details["reason"]
        deaf = program(
            tmp_path,
            "good",
            "deaf",
            echo=("self._back.set()", "pass"),
            update__proving=("600_000", "1_000"),
            update__trial=("5_000", "500"),
        )
        execution = one.ended(one.publish("8.2.0", deaf))
        assert execution.status == "FAILED", (execution, one.log())
        assert "no message of its own came back in 1 s" in execution.details["reason"]


def test_a_board_short_of_heap_updates_without_its_sensors_and_proves_itself_with_them(
    deployed: Target, tmp_path: Path
) -> None:
    with Updated(deployed, tmp_path, "updated-3") as one:
        execution = one.ended(one.publish("8.0.0", program(tmp_path, "new")))
        assert execution.status == "SUCCEEDED", (execution, one.log())
        assert one.resets == 2, STARTS
        assert "no sensors" in one.log()
        one.wait_for("samples", lambda: one.board.stats is not None and one.board.stats.sampled > 5)
        older = one.ended(one.publish("7.0.0", program(tmp_path, "older")))
        assert older.status == "REJECTED", older
        one.wait_for("sensors again", lambda: one.resets == 4)
        one.wait_for("samples", lambda: one.board.stats is not None and one.board.stats.sampled > 5)


def test_a_board_in_safe_mode_is_updated_out_of_it(deployed: Target, tmp_path: Path) -> None:
    """Its program fails at each start; the next version does not."""
    one = Updated(deployed, tmp_path, "updated-4")
    with_driver(one.folder.image_path, at_start=FAILS)
    one.board.start()
    assert one.board.wait(LATE_S_MAX) == RESET_EXIT_CODE, one.log()
    with flash_of(one.folder.image_path) as flash:
        fallen_so_often(flash)
    with one:
        one.wait_for("safe mode", lambda: one.board.stats is not None and one.board.stats.safe_mode)
        execution = one.ended(one.publish("8.0.0", program(tmp_path, "")))
        assert execution.status == "SUCCEEDED", (execution, one.log())
        assert one.resets == 2, STARTS
        one.wait_for("samples", lambda: one.board.stats is not None and one.board.stats.sampled > 5)
        assert one.board.stats
        assert not one.board.stats.safe_mode


def test_a_board_whose_power_is_cut_again_and_again_ends_on_the_new_version(
    deployed: Target, tmp_path: Path
) -> None:
    dice = random.Random(11)
    with Updated(deployed, tmp_path, "updated-2") as one:
        job = one.publish("8.0.0", program(tmp_path, "new"))
        for _ in range(4):
            one.wait_for(
                "the board talks", lambda: one.board.running and one.board.stats is not None
            )
            one.power.pause(dice.uniform(0.2, 2.5))
            if one.execution(job).ended:
                break
            one.power.cut()
            one.board.stats = None
        assert one.ended(job).status == "SUCCEEDED", one.log()
