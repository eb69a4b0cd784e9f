"""A power cut at any step of a claim or a rotation leaves a working identity."""

from pathlib import Path
from typing import Any

import pytest

from tests.firmware import vm

HEAP_BYTES = 2 << 20  # the flash is in RAM, and copies of it


def sweep(which: str) -> Any:
    return vm.run(Path(__file__).with_name("identity_cuts_run.py"), which, heap_bytes=HEAP_BYTES)


@pytest.mark.parametrize("which", ["claim", "rotation", "refused"])
def test_a_cut_at_any_operation_leaves_a_working_identity(which: str) -> None:
    found = sweep(which)
    assert found["failures"] == 0, found
    assert found["cuts"] > 40


def test_the_sweep_finds_a_key_that_changes_before_its_certificate() -> None:
    assert sweep("hasty")["failures"] > 0
