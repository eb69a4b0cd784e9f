"""What a manifest may say, and what of it no board reads."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidectl.update_bundle import Facts, manifest
from tidenode.update.errors import UpdateRefusedError
from tidenode.update.head import PREFIX_BYTES, prefix, sizes
from tidenode.update.manifest import entries, parse_entry, parse_header, read_header, same, version

TEXT = manifest(Facts("1.2.3"), {"a/b.mpy": b"M\x06", "c.mpy": b"M\x06\x00"})
HEADER = json.loads(TEXT.splitlines()[0])


def line(**changed: object) -> bytes:
    return json.dumps(HEADER | changed).encode() + b"\n"


def test_it_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "manifest"
    path.write_bytes(TEXT)
    header = read_header(str(path))
    assert (header.version, header.files, header.bytes) == ("1.2.3", 2, 5)
    assert [(entry.path, entry.size_bytes) for entry in entries(str(path))] == [
        ("a/b.mpy", 2),
        ("c.mpy", 3),
    ]
    assert same(str(path), str(path))
    assert not same(str(path), str(tmp_path / "none"))
    (tmp_path / "other").write_bytes(TEXT + b"\n")
    assert not same(str(path), str(tmp_path / "other"))


@pytest.mark.parametrize(
    "bad",
    [
        line(format="tidegauge-update-2"),
        line(kind="script"),
        line(version="1.2"),
        line(version=3),
        line(minimum="1.2.x"),
        line(downgrade_from=["1"]),
        line(downgrade_from=[1]),
        line(boards="esp32"),
        line(files=0),
        line(files=True),
        line(bytes=-1),
        line(bytes=1 << 30),
        line(sha256="00"),
        line(sha256="zz" * 32),
        line(boards=["x" * 1_024]),
        line()[:-1],
        b"[]\n",
        b"{}\n",
        b"\n",
        b"",
    ],
)
def test_a_header_that_is_not_as_it_should_be_is_refused(bad: bytes) -> None:
    with pytest.raises(UpdateRefusedError):
        parse_header(bad)


@pytest.mark.parametrize(
    "path",
    [
        "/a.mpy", "../a.mpy", "a/../b.mpy", "a//b.mpy", "a.py", ".mpy", "a/.mpy", "A.mpy",
        "a b.mpy", "a\u00e4.mpy", "manifest", "a.mpy/b", "a\\b.mpy", "x" * 61 + ".mpy", "",
    ],
)  # fmt: skip
def test_a_path_that_could_leave_the_slot_is_refused(path: str) -> None:
    with pytest.raises(UpdateRefusedError):
        parse_entry(json.dumps([path, 1, "00" * 32]).encode() + b"\n")


@pytest.mark.parametrize("entry", [["a.mpy", -1, "00" * 32], ["a.mpy", 1], ["a.mpy", "1", "00"], 5])
def test_an_entry_that_is_not_as_it_should_be_is_refused(entry: object) -> None:
    with pytest.raises(UpdateRefusedError):
        parse_entry(json.dumps(entry).encode() + b"\n")


@given(st.binary(max_size=100))
def test_random_bytes_raise_only_the_package_s_error(data: bytes) -> None:
    for parse in (parse_header, parse_entry, sizes):
        with pytest.raises(UpdateRefusedError):
            parse(data + b"\n")


def test_every_prefix_of_a_prefix_is_refused() -> None:
    head = prefix(100, b"signature")
    assert sizes(head) == (100, 9)
    for size in range(PREFIX_BYTES):
        with pytest.raises(UpdateRefusedError):
            sizes(head[:size])


@pytest.mark.parametrize(
    ("manifest_bytes", "signature"), [(0, b"s"), (32_769, b"s"), (1, b""), (1, b"s" * 513)]
)
def test_sizes_out_of_bounds_are_refused(manifest_bytes: int, signature: bytes) -> None:
    with pytest.raises(UpdateRefusedError):
        sizes(prefix(manifest_bytes, signature))


@pytest.mark.parametrize("text", ["1", "1.2.3.4", "1.2.-3", "1..3", "", "1.2.1000000", None])
def test_what_is_no_version_is_refused(text: object) -> None:
    with pytest.raises(UpdateRefusedError):
        version(text)
