"""The stand-ins share the VM's heap with the agent; what is added for them is theirs."""

from pathlib import Path

from tests.firmware import vm
from tidectl.simulated_board import STAND_INS_BYTES


def test_the_heap_that_is_added_for_the_stand_ins_is_no_more_than_they_take() -> None:
    """Some of what they take is tables that would grow for the agent a little later."""
    taken_bytes = vm.run(Path(__file__).with_name("heap_run.py"))
    assert 0.6 * taken_bytes < STAND_INS_BYTES < taken_bytes
