"""A tag map that comes with the configuration: whole, within the limits, or our error."""

import asyncio
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tidegate import component_configuration
from tidegate.carried_map import PARTS_MAX, packed, unpack_into, unpacked
from tidegate.component_settings import NAMES, read_settings
from tidegate.errors import GateError
from tidegate.ipc import IpcClient
from tidegate.ipc.limits import LITE

NAME = st.text("abcxyz._-", min_size=1, max_size=20).filter(lambda name: name[0] != ".")


@given(files=st.dictionaries(NAME, st.binary(max_size=3_000), min_size=1, max_size=4))
def test_files_come_back_as_they_were_and_each_part_fits_into_lite(
    files: dict[str, bytes],
) -> None:
    parts = packed(files)
    assert unpacked(parts) == files
    assert list(unpacked(parts)) == list(files)
    most = LITE.configuration_value_bytes_max
    assert most
    assert all(len(json.dumps(part)) <= most for part in parts.values())


@given(
    parts=st.dictionaries(
        st.sampled_from(["count", "0", "1", "x"]), st.text(max_size=40) | st.floats() | st.none()
    )
)
def test_anything_else_is_our_error(parts: dict[str, object]) -> None:
    with pytest.raises(GateError):
        unpacked(parts)


def test_a_part_that_is_missing_or_damaged_is_told() -> None:
    parts = packed({"tags.yaml": bytes(range(256)) * 20})
    missing = {key: part for key, part in parts.items() if key != "0"}
    with pytest.raises(GateError, match="lacks '0'"):
        unpacked(missing)
    with pytest.raises(GateError, match="is damaged"):
        unpacked({**parts, "0": parts["0"][:100] + "AAAA" + parts["0"][104:]})
    with pytest.raises(GateError, match="no plain name"):
        packed({"../tags.yaml": b""})


def test_a_map_that_no_configuration_holds_says_what_to_do() -> None:
    noise = random.Random(1).randbytes(PARTS_MAX * 1_000)
    with pytest.raises(GateError, match="copy it to the device"):
        packed({"tags.yaml": noise})


def test_a_map_above_a_message_of_lite_reaches_the_component(tmp_path: Path) -> None:
    lines = "\n".join(f"# {n} {hash((n, n)) & 0xFFFFFFFFFFFF:x}" for n in range(3_000))
    parts = packed({"mine.yaml": lines.encode(), "more.csv": b"field,address"})
    assert int(parts["count"]) > 12

    async def scene(desk: Desk) -> Path:
        async with IpcClient(desk.socket_path, "t") as client:
            mapping = await component_configuration.from_nucleus(client, NAMES)
        return read_settings(mapping).tag_map_path(tmp_path / "component", tmp_path)

    with Desk(LITE) as desk:
        configuration = {"tag_map": "carried", "tag_map_parts": parts, "accessControl": GRANT_ALL}
        desk.nucleus.add("a", "t", configuration)
        path = asyncio.run(scene(desk))
    assert path == tmp_path / "tag_map" / "mine.yaml"
    assert path.read_text() == lines
    assert (path.parent / "more.csv").read_bytes() == b"field,address"
    again = unpack_into(path.parent, packed({"mine.yaml": b"other"}))
    assert again.read_bytes() == b"other"
