"""Each thing has one component: found before anything is deployed."""

from pathlib import Path

import pytest

from tests.tools.tidectl.gateway.probe import write_probe
from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource, all_sources, find_source, load_source
from tidectl.gateway.thing_owners import (
    check_owners,
    named_things,
    owned_things,
    things_expected,
    things_of,
)

GROUP = "- {measurement: pump, thing: press-1, tags: [{field: a, address: 40001}]}\n"


def adapter(folder: Path, tag_map: str, name: str = "tags.yaml") -> ComponentSource:
    """Return a component with a tag map."""
    source = load_source(write_probe(folder))
    (folder / name).write_text(tag_map)
    return source


def test_the_components_of_the_checkout_share_no_thing() -> None:
    owned = {source.name: things_of(source, "gw", {}) for source in all_sources()}
    check_owners(owned)
    assert owned["io.tidegauge.ModbusAdapter"][0] == "gw:modbus"
    assert owned["io.tidegauge.KinesisUplink"] == []


def test_things_of_a_component_are_its_own_and_those_of_its_tag_map(tmp_path: Path) -> None:
    source = adapter(tmp_path / "probe", f"adapter: s7\ncsv: more.csv\ngroups:\n{GROUP}")
    (tmp_path / "probe" / "more.csv").write_text("thing;field\npress-2;a\npress-2;b\n")
    settings = {"tag_map": "tags.yaml"}
    assert things_of(source, "gw", settings) == ["gw:s7", "press-1", "press-2"]
    assert things_of(source, "gw", {**settings, "thing": "hall"})[0] == "hall"


def test_two_components_with_one_thing_are_told_by_name() -> None:
    with pytest.raises(TidectlError, match=r"hall is of io\.a and io\.c;") as error:
        check_owners({"io.a": ["hall", "x"], "io.b": ["y"], "io.c": ["hall", "z"], "io.d": ["z"]})
    assert "z is of io.c and io.d" in str(error.value)
    check_owners({"io.a": ["hall", "hall"], "io.b": ["yard"]})


def test_a_configuration_that_gives_one_thing_to_two_components_is_refused() -> None:
    sources = [find_source("modbus_adapter"), find_source("s7_adapter")]
    owned = owned_things(sources, "gw", {"io.tidegauge.S7Adapter": {"thing": "hall"}})
    assert [things[0] for things in owned.values()] == ["gw:modbus", "hall"]
    with pytest.raises(TidectlError, match="hall is of"):
        owned_things(sources, "gw", {source.name: {"thing": "hall"} for source in sources})


@pytest.mark.parametrize("damage", [b"groups: [", b"\xff\xfe", b"a: \x00"], ids=repr)
def test_a_damaged_tag_map_is_told_with_its_path(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "tags.yaml"
    path.write_bytes(damage)
    with pytest.raises(TidectlError, match=r"tags\.yaml"):
        named_things(path)


def test_an_adapter_speaks_of_its_own_thing_and_of_those_of_its_tag_map(tmp_path: Path) -> None:
    modbus = find_source("modbus_adapter")
    assert things_expected(modbus, "gw", {}) == ["gw:modbus"]
    assert things_expected(modbus, "gw", {"thing": "line-1"}) == ["line-1"]
    tag_map = tmp_path / "mine.yaml"
    tag_map.write_text(
        "adapter: modbus\nthing: press\ngroups:\n  - {thing: pump-1}\n  - {unit: 3}\n"
    )
    assert things_expected(modbus, "gw", {"tag_map": str(tag_map)}) == [
        "gw:modbus",
        "press",
        "pump-1",
    ]


def test_of_a_component_without_a_sound_tag_map_nobody_knows(tmp_path: Path) -> None:
    assert things_expected(find_source("kinesis_uplink"), "gw", {}) == []
    assert things_expected(load_source(write_probe(tmp_path / "probe")), "gw", {}) == []
    modbus = find_source("modbus_adapter")
    (tmp_path / "broken.yaml").write_text("adapter: [")
    for name in ("broken.yaml", "absent.yaml"):
        assert things_expected(modbus, "gw", {"tag_map": str(tmp_path / name)}) == []
