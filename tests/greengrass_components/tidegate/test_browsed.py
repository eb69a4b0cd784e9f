"""What a device has becomes a tag map that is valid, whatever its names are."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.adapter_kind import find_kind
from tidegate.browsed import Browsed, tag_map_text
from tidegate.tag_map import read_tag_map

BROWSED = st.builds(
    Browsed,
    folder=st.text(max_size=20),
    name=st.text(max_size=80),
    address=st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20
    ).map(lambda text: f"ns=2;s={text}x"),
    unit=st.sampled_from(["", "degC", 'm"', "\\", "µm"]),
    low=st.none() | st.floats(-1e6, 1e6),
    high=st.none() | st.floats(-1e6, 1e6),
    writable=st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(BROWSED, min_size=1, max_size=30))
@example([Browsed(folder="No", name="null", address="i=1")])
def test_any_names_make_a_tag_map_that_reads_every_value(
    tmp_path_factory: object, found: list[Browsed]
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "browsed.yaml"  # type: ignore[attr-defined]  # pytest's
    path.write_text(tag_map_text("opcua", "opc.tcp://x:1", found))
    tag_map = read_tag_map(path, kind=find_kind("opcua"))
    addresses = sorted(tag.address for group in tag_map.groups for tag in group.tags)
    assert addresses == sorted(one.address for one in found)


def test_a_large_folder_becomes_several_groups() -> None:
    found = [Browsed(folder="a/Tank 1", name=f"v{n}", address=f"i={n}") for n in range(250)]
    text = tag_map_text("opcua", "opc.tcp://x:1", found)
    assert [line.strip() for line in text.splitlines() if "measurement" in line] == [
        '- measurement: "tank_1"',
        '- measurement: "tank_1_2"',
        '- measurement: "tank_1_3"',
    ]
