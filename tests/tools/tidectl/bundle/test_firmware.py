"""The firmware, bundled: what it writes is what its sources write."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.firmware.lib.tidewire.strategies import batches
from tests.tools.tidectl.bundle.program import Program
from tidectl.bundle import LAID, RESIDENT, SENSING, bundled, firmware_bundle
from tidectl.firmware_image import FIRMWARE
from tidewire import Batch, Column, encode

BUNDLE = firmware_bundle(FIRMWARE)
WIRE = {name: text for name, text in BUNDLE.sources.items() if name.startswith("tidewire.")}
ENCODE = Program(
    bundled(
        WIRE
        | {
            "tidenode": "",
            "tidenode.app": "from tidewire.encoder import encode\n\n"
            "def encode_it(batch):\n    return encode(batch)\n",
        },
        frozenset({"tidenode", "tidewire"}),
        foreign=frozenset({"encode_it", *Batch._fields, *Column._fields}),
    ).texts
).load("tidenode.app")


@given(batches())
@settings(max_examples=200)
def test_the_bundled_encoder_writes_the_same_bytes(batch: Batch) -> None:
    assert ENCODE.encode_it(batch) == encode(batch)


def test_each_module_is_in_it_once() -> None:
    resident = {name for _, _, name in BUNDLE.lines}
    assert {"tidenode.uplink", "tidewire.encoder"} <= resident
    left_out = set(BUNDLE.sources) - resident - set(BUNDLE.texts)
    assert left_out
    assert all(name.startswith("tidewire") for name in left_out)
    laid = {name for names in LAID.values() for name in names}
    assert resident & set(BUNDLE.texts) - laid == {"tidenode.errors", *LAID}


def test_what_every_start_loads_is_laid_into_few_modules() -> None:
    for home, names in LAID.items():
        parts = [name for one, _, name in BUNDLE.lines if one == home]
        assert parts == [*names, home]
    # A copy where others want the module as well.
    assert "tidenode.identity" in BUNDLE.texts
    assert "tidenode.mode" not in BUNDLE.texts["tidenode.identity"]
    for name in ("identity", "boots", "storage", "greeting"):
        for text in (BUNDLE.texts[one] for one in ("tidenode.mode", "tidenode.app")):
            assert f"tidenode.{name} import" not in text


def test_each_module_keeps_its_lines() -> None:
    for home in (RESIDENT, SENSING, *LAID):
        parts = [(first, name) for one, first, name in BUNDLE.lines if one == home]
        assert parts
        ends = [first for first, _ in parts[1:]] + [BUNDLE.texts[home].count("\n") + 1]
        for (first, name), end in zip(parts, ends, strict=True):
            # Blank lines at the end go.
            assert end - first <= BUNDLE.sources[name].count("\n"), name
    for name in set(BUNDLE.texts) - {RESIDENT, SENSING, "tidenode.errors", *LAID}:
        assert BUNDLE.texts[name].count("\n") == BUNDLE.sources[name].count("\n"), name


def test_what_samples_is_loaded_with_the_first_sensor_only() -> None:
    homes = {name: home for home, _, name in BUNDLE.lines}
    for name in ("tidenode.sampler", "tidenode.batcher", "tidewire.encoder", "tidewire.packer"):
        assert homes[name] == SENSING
    assert SENSING not in BUNDLE.texts[RESIDENT]


def test_it_imports_nothing_of_the_firmware_that_is_in_it() -> None:
    resident = {name for home, _, name in BUNDLE.lines if home in (RESIDENT, SENSING)}
    for text in (text for name, text in BUNDLE.texts.items() if name != "tidenode.errors"):
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.If):
                continue  # for the type checker
            for node in ast.walk(statement):
                assert not (isinstance(node, ast.ImportFrom) and node.module in resident)


def test_a_driver_that_a_user_copies_finds_what_drivers_are_built_on() -> None:
    assert "def read_into(self" in BUNDLE.texts["tidenode.i2c_chip"]
    assert "def error(self" in BUNDLE.texts["tidenode.i2c_chip"]
    assert BUNDLE.texts["tidenode.errors"].startswith(f"from {RESIDENT} import ")
    assert "SensorError" in BUNDLE.texts["tidenode.errors"]


def small_firmware(folder: Path, says: str) -> Path:
    package = folder / "lib" / "tidenode"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "app.py").write_text(f"def say():\n    return {says!r}\n")
    return folder


def test_a_bundle_that_was_kept_is_the_one_that_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = (small_firmware(tmp_path / one, one) for one in ("first", "second"))
    made = firmware_bundle(first)
    (kept,) = (tmp_path / "cache").rglob("*.bundle")
    assert firmware_bundle(second) != made  # of which one is remembered
    assert firmware_bundle(first) == made
    firmware_bundle(second)
    kept.write_text("half of it")
    assert firmware_bundle(first) == made
