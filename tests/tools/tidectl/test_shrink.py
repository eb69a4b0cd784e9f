"""What the firmware loses before it is compiled, and what it must keep."""

import ast
from pathlib import Path

import pytest

from tidectl.firmware_image import FIRMWARE
from tidectl.shrink import shrunk

MODULES = sorted((FIRMWARE / "lib").rglob("*.py"))


def test_a_private_integer_is_folded_into_the_code() -> None:
    assert shrunk("_MAX = 0xFF  # why\n") == "_0 = const(0xFF)  # why\n"
    assert shrunk("_LOWEST = -1_000\n") == "_0 = const(-1_000)\n"


def test_a_public_integer_and_other_constants_stay() -> None:
    text = "MAX = 3\n_NAME = 'x'\n_HALF = 0.5\n"
    assert "MAX = 3" in shrunk(text)
    assert "const(" not in shrunk(text)


def test_imports_for_the_type_checker_are_never_run() -> None:
    text = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any\n"
    assert shrunk(text) == "\nif 0:\n    from typing import Any\n"


def test_private_names_become_short_everywhere_in_their_file() -> None:
    text = (
        "class Box:\n    def __init__(self):\n        self._held = 1\n"
        "    def get(self):\n        return self._held\n"
    )
    small = shrunk(text)
    assert "_held" not in small
    (name,) = {node.attr for node in ast.walk(ast.parse(small)) if isinstance(node, ast.Attribute)}
    assert not name.startswith("_"), "a word that the VM has"
    assert "__init__" in small


def test_a_private_name_of_another_module_keeps_its_own() -> None:
    text = "import other\n\ndef _mine(x):\n    return other._theirs(x)\n"
    small = shrunk(text)
    assert "_mine" not in small
    assert "other._theirs" in small


def test_a_name_that_stands_in_a_text_keeps_its_own() -> None:
    text = "def _shown(x):\n    return f'{_shown}'\n\ndef _other(x):\n    return x\n"
    small = shrunk(text)
    assert "def _shown" in small
    assert "def _other" not in small


def test_a_module_does_the_same_when_it_is_small() -> None:
    text = (
        "_STEP = 3\n_START: int = 1\n\n\nclass Count:\n"
        "    def __init__(self):\n        self._at = _START\n"
        "    def next(self):\n        self._at += _STEP\n        return _double(self._at)\n\n\n"
        "def _double(value):\n    return value * 2\n"
    )
    results = []
    for source in (text, shrunk(text)):
        names: dict[str, object] = {"const": lambda value: value}
        exec(source, names)  # noqa: S102  a text of this file
        count = names["Count"]()  # type: ignore[operator]  # a class of the text
        results.append([count.next() for _ in range(3)])
    assert results == [[8, 14, 20]] * 2


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_firmware_keeps_its_lines_and_its_public_names(path: Path) -> None:
    text = path.read_text()
    small = shrunk(text)
    assert len(small.splitlines()) == len(text.splitlines())
    assert len(small) <= len(text) + 7 * text.count("\n_")  # const() may be longer than a name
    public = _public(text)
    assert [name for name in _public(small) if name in public] == public


def _public(text: str) -> list[str]:
    names = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return [name for name in names if not name.startswith("_")]
