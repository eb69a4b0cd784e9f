"""A frame that a board tells is one of the sources."""

from tidectl.bundle import firmware_bundle
from tidectl.bundle.traceback import in_sources
from tidectl.firmware_image import FIRMWARE

APP = "tidenode.app"
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
    line = line_of("tidenode.extras", "def news(") + 2
    told = f'  File "tidenode.extras", line {line}, in _5'
    assert in_sources(told, BUNDLE) == f'  File "tidenode/extras.py", line {line}, in news'


def test_a_line_of_what_is_laid_into_a_module_is_told_from_one_of_the_module_itself() -> None:
    for name, function in (("boots", "count_boot"), ("app", "build")):
        first = next(at for home, at, of in BUNDLE.lines if (home, of) == (APP, f"tidenode.{name}"))
        line = line_of(f"tidenode.{name}", f"def {function}(") + 2
        told = f'  File "tidenode.app", line {first - 1 + line}, in _5'
        expected = f'  File "tidenode/{name}.py", line {line}, in {function}'
        assert in_sources(told, BUNDLE) == expected


def test_the_outermost_level_and_what_is_not_ours_stay() -> None:
    for told in ('  File "tidenode.none", line 3, in run', '  File "main.py", line 3, in run', "x"):
        assert in_sources(told, BUNDLE) == told
    told = '  File "tidenode.extras", line 1, in <module>'
    assert in_sources(told, BUNDLE) == '  File "tidenode/extras.py", line 1, in <module>'
