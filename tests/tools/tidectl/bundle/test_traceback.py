"""A frame that a board tells is one of the sources."""

from tidectl.bundle import firmware_bundle
from tidectl.bundle.traceback import in_sources
from tidectl.firmware_image import FIRMWARE

BUNDLE = firmware_bundle(FIRMWARE)


def line_of(name: str, text: str) -> int:
    lines = BUNDLE.sources[name].splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_line_of_a_module_that_holds_many_is_a_line_of_its_part() -> None:
    home, first, _ = next(one for one in BUNDLE.lines if one[2] == "tidewire.packer")
    line = line_of("tidewire.packer", "def pack(") + 3
    told = f'  File "{home}", line {first - 1 + line}, in _5'
    assert in_sources(told, BUNDLE) == f'  File "tidewire/packer.py", line {line}, in pack'


def test_a_line_of_another_module_stays_and_its_function_gets_its_name() -> None:
    line = line_of("tidenode.app", "def build(") + 2
    told = f'  File "tidenode.app", line {line}, in _5'
    assert in_sources(told, BUNDLE) == f'  File "tidenode/app.py", line {line}, in build'


def test_the_outermost_level_and_what_is_not_ours_stay() -> None:
    for told in ('  File "tidenode.none", line 3, in run', '  File "main.py", line 3, in run', "x"):
        assert in_sources(told, BUNDLE) == told
    told = '  File "tidenode.app", line 1, in <module>'
    assert in_sources(told, BUNDLE) == '  File "tidenode/app.py", line 1, in <module>'
