"""Bundles: what goes in, what does not, and what is read back."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools.tidectl.micropython_bin import micropython_bin
from tidectl.boards import board_named
from tidectl.errors import TidectlError
from tidectl.firmware_image import program_files
from tidectl.update_bundle import Facts, bundle, image_bundle, manifest, read

FILES = {"tidenode/app.mpy": b"M\x06code", "a.mpy": b"M\x06"}


def test_a_bundle_is_read_back(tmp_path: Path) -> None:
    one = bundle(Facts("1.2.3", boards=("esp32",)), FILES)
    path = tmp_path / "one"
    for signature in (b"", b"signature"):
        signed = replace(one, signature=signature)
        path.write_bytes(signed.to_bytes())
        assert read(path) == signed
    assert one.facts["boards"] == ["esp32"]
    assert (one.facts["files"], one.facts["bytes"]) == (2, 8)
    assert one.files == b"M\x06M\x06code"  # by path


def test_the_same_files_give_the_same_bytes() -> None:
    backwards = dict(reversed(FILES.items()))
    assert bundle(Facts("1.0.0"), FILES) == bundle(Facts("1.0.0"), backwards)


def test_the_firmware_fits(tmp_path: Path) -> None:
    one = bundle(Facts("1.0.0"), program_files())
    path = tmp_path / "one"
    path.write_bytes(one.to_bytes())
    assert read(path).facts["files"] == len(program_files())
    assert len(one.manifest) < 16_384


def test_a_damaged_bundle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one"
    data = bundle(Facts("1.0.0"), FILES).to_bytes()
    for bad, why in (
        (b"", "is no bundle"),
        (b"something else", "is no bundle"),
        (data[:20], "no board would take it"),
        (data[:-1], "is damaged"),
        (data[:-1] + b"x", "is damaged"),
    ):
        path.write_bytes(bad)
        with pytest.raises(TidectlError, match=why):
            read(path)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("main.py", b"M\x06"), ("../a.mpy", b"M\x06"), ("A.mpy", b"M\x06"), ("a.mpy", b"import"),
        ("a.mpy", b"M\x05"), ("x" * 80 + ".mpy", b"M\x06"),
    ],
)  # fmt: skip
def test_what_no_board_would_run_is_not_bundled(path: str, data: bytes) -> None:
    with pytest.raises(TidectlError):
        manifest(Facts("1.0.0"), {path: data})


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "1.2.3-rc1", ""])
def test_a_version_that_does_not_compare_is_refused(version: str) -> None:
    with pytest.raises(TidectlError, match="no board would take it: version"):
        bundle(Facts(version), FILES)


@pytest.mark.parametrize("name", ["esp32", "esp32-c3"])
def test_an_image_of_a_whole_flash_is_none_for_a_slot(name: str) -> None:
    whole = micropython_bin(board_named(name))
    assert whole.startswith(b"\xe9"), "its boot loader"
    with pytest.raises(TidectlError, match="not what a boot loader starts"):
        image_bundle(Facts("1.29.0"), whole)


def test_an_image_begins_as_the_boot_loader_wants_it() -> None:
    one = image_bundle(Facts("1.29.0"), b"\xe9" + bytes(5_000))
    assert (one.facts["kind"], one.facts["files"]) == ("image", 1)
    with pytest.raises(TidectlError, match="not what a boot loader starts"):
        image_bundle(Facts("1.29.0"), b"\0" * 5_000)
