"""What awaits as only MicroPython does is tested there: the cases of `vm_*.py`, one by one."""

import ast
from pathlib import Path

import pytest

from tests.firmware import vm

HEAP_BYTES = 1 << 20  # some cases hold a flash in RAM
FOLDER = Path(__file__).parent
CASES = [
    (path.stem, node.name)
    for path in sorted(FOLDER.glob("vm_*.py"))
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
]


@pytest.mark.parametrize(("file", "case"), CASES)
def test_a_case_passes_on_the_vm(file: str, case: str) -> None:
    assert vm.run(FOLDER / "vm_cases.py", file, case, heap_bytes=HEAP_BYTES) == "passed"
