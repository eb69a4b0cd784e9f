"""The stand-ins share the VM's heap with the agent; what is added for them is theirs."""

from pathlib import Path

import pytest

from tests.firmware import vm
from tidectl.simulated_board import STAND_IN_BYTES, STAND_IN_DEFAULT_BYTES, STAND_INS_BYTES


@pytest.mark.parametrize("module", ["bme280", "ds18b20", "scd4x", "sht3x"])
def test_the_heap_that_is_added_for_the_stand_ins_is_no_more_than_they_take(module: str) -> None:
    """Some of what they take is tables that would grow for the agent a little later."""
    taken_bytes = sum(vm.run(Path(__file__).with_name("heap_run.py"), module))
    added_bytes = STAND_INS_BYTES + STAND_IN_BYTES.get(module, STAND_IN_DEFAULT_BYTES)
    assert 0.6 * taken_bytes < added_bytes < taken_bytes
