"""What the checkout says of a component: above all which things it will speak of."""

from pathlib import Path

from tests.tools.tidectl.gateway.probe import write_probe
from tidectl.gateway.component_source import find_source, load_source


def test_an_adapter_speaks_of_its_own_thing_and_of_those_of_its_tag_map(tmp_path: Path) -> None:
    modbus = find_source("modbus_adapter")
    assert modbus.things_expected("gw", {}) == ["gw:modbus"]
    assert modbus.things_expected("gw", {"thing": "line-1"}) == ["line-1"]
    tag_map = tmp_path / "mine.yaml"
    tag_map.write_text(
        "adapter: modbus\nthing: press\ngroups:\n  - {thing: pump-1}\n  - {unit: 3}\n"
    )
    assert modbus.things_expected("gw", {"tag_map": str(tag_map)}) == [
        "gw:modbus",
        "press",
        "pump-1",
    ]


def test_of_a_component_without_a_sound_tag_map_nobody_knows(tmp_path: Path) -> None:
    assert find_source("kinesis_uplink").things_expected("gw", {}) == []
    assert load_source(write_probe(tmp_path / "probe")).things_expected("gw", {}) == []
    modbus = find_source("modbus_adapter")
    (tmp_path / "broken.yaml").write_text("adapter: [")
    for name in ("broken.yaml", "absent.yaml"):
        assert modbus.things_expected("gw", {"tag_map": str(tmp_path / name)}) == []
