"""Tag maps: read from YAML and CSV, and every mistake told with its line."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate import yaml_lines
from tidegate.adapter_kind import find_kind
from tidegate.errors import GateError
from tidegate.group import Urgency
from tidegate.modbus.kind import KIND
from tidegate.report import Report
from tidegate.tag_map import TagMap, TagMapError, read_tag_map
from tidegate.yaml_lines import YamlError

EXAMPLES = Path("greengrass_components")


def read(folder: Path, text: str, name: str = "tags.yaml") -> TagMap:
    (folder / name).write_text(text)
    return read_tag_map(folder / name)


def mistakes(folder: Path, text: str, name: str = "tags.yaml") -> list[str]:
    with pytest.raises(TagMapError) as caught:
        read(folder, text, name)
    return str(caught.value).splitlines()


def test_a_yaml_map_becomes_buses_groups_and_tags(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
adapter: modbus
site: plant1
thing: boiler-room
connections:
  line1: {url: tcp://192.0.2.10, timeout_ms: 500}
groups:
  - measurement: pump
    unit: 7
    period_ms: 250
    urgency: high
    forbidden: holding:100-199
    tags:
      - {field: speed, address: 40001, type: float32, order: CDAB, scale: 0.5, offset: 1, unit: rpm,
         low: 0, high: 100, deadband_percent: 2, report_max_ms: 60000, write_low: 0, write_high: 9}
    alarms:
      - {name: fast, field: speed, high: 90, latching: yes}
""",
    )
    (bus,) = found.buses
    assert (found.site, bus.name, bus.settings["timeout_ms"]) == ("plant1", "line1", 500)
    (group,) = bus.groups
    assert (group.thing, group.measurement, group.unit) == ("boiler-room", "pump", "7")
    assert (group.period_ms, group.urgency) == (250, Urgency.HIGH)
    assert group.options == {"forbidden": "holding:100-199"}
    (tag,) = group.tags
    assert (tag.scale, tag.offset, tag.unit, tag.bounds) == (0.5, 1.0, "rpm", (0.0, 100.0))
    assert (tag.write_bounds, tag.options) == ((0.0, 9.0), {"order": "CDAB"})
    assert tag.report == Report(deadband_percent=2.0, max_ms=60_000)
    assert group.alarms[0].latching


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        """adapter: modbus
connections:
  line1: {url: tcp://192.0.2.10}
groups:
  - measurement: Pump
    period_ms: 0
    tags:
      - {field: a, address: "holding:0", type: float32}
      - {field: b, address: "holding:1", type: int16}
      - {field: a, address: "holding:9", nonsense: 1}
      - {field: time, address: "somewhere:3", scale: 0}
      - {field: quality, address: "holding:77", low: 3}
    alarms: [{name: x, field: nowhere, high: 1}]
  - {measurement: two, connection: line2, tags: []}
""",
    )
    for line, words in (
        (5, "Pump"), (6, "period_ms is 0"), (9, "overlaps a"), (10, "a is the field of line 8"),
        (10, "nonsense is no key"), (11, "time"), (11, "scale is 0"), (11, "is no address"),
        (12, "quality"), (12, "high is missing"), (13, "nowhere"), (14, "line2"),
        (14, "tags are missing"),
    ):  # fmt: skip
        found = [text for text in told if text.startswith(f"tags.yaml:{line}:") and words in text]
        assert found, f"line {line} says nothing of {words}: {told}"


def test_texts_are_written_where_there_is_room_by_protocols_that_have_them(tmp_path: Path) -> None:
    tags = """
adapter: {}
connections: {{l: {{url: {}}}}}
groups:
- measurement: m
  tags:
  - {{field: a, address: {}, write_characters_max: 8}}
"""
    s7 = read(tmp_path, tags.format("s7", "s7://plc", "'DB1.DBB0:STRING[8]'"))
    assert s7.groups[0].tags[0].write_characters_max == 8
    for adapter, url, address, words in (
        ("s7", "s7://plc", "'DB1.DBB0:STRING[7]'", "a: write_characters_max is 8: STRING takes 7"),
        ("s7", "s7://plc", "'DB1.DBD0:REAL'", "REAL takes no text"),
        ("modbus", "tcp://plc", "40001", "uint16 takes no text"),
        ("snmp", "udp://plc", "1.3.6.1", "texts can't be written by snmp"),
        ("opcua", "opc.tcp://plc", "i=1, write_low: 0, write_high: 1", "give one of them"),
    ):
        told = mistakes(tmp_path, tags.format(adapter, url, address))
        assert any(text.startswith("tags.yaml:7:") and words in text for text in told), told


def test_a_unit_that_can_not_be_hides_no_mistake_of_its_tags(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        "connections: {l: {url: tcp://h}}\ngroups:\n- measurement: m\n  unit: 300\n  order: X\n"
        "  tags: [{field: a, address: 40001, type: int17}]\n",
    )
    assert [text.split(":")[1] for text in told] == ["3", "3", "6"]


def test_one_serial_line_has_one_connection(tmp_path: Path) -> None:
    """Two masters on one line would talk into each other's answers."""
    groups = "".join(
        f"- {{measurement: m{n}, connection: {n}, tags: [{{field: a, address: 40001}}]}}\n"
        for n in "abc"
    )
    told = mistakes(
        tmp_path,
        "connections:\n  a: {url: 'rtu:///dev/ttyUSB0'}\n  b: {url: 'rtu:///dev/ttyUSB1'}\n"
        "  c: {transport: rtu, device: /dev/ttyUSB0}\ngroups:\n" + groups,
    )
    assert told == [
        "tags.yaml:4: connection c has /dev/ttyUSB0, as a has: only one can, put its groups there"
    ]


def test_two_tags_of_one_line_with_one_field_are_a_mistake(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        "connections: {l: {url: tcp://h}}\ngroups:\n- {measurement: m, tags: "
        "[{field: a, address: 40001}, {field: a, address: 40002}]}\n",
    )
    assert told == ["tags.yaml:3: field a is the field of line 3 too"]


def test_a_key_that_stands_twice_is_a_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "adapter: modbus\nadapter: modbus\ngroups: []\n")
    assert "tags.yaml:2: adapter stands twice" in told


@pytest.mark.parametrize("text", ["a: [1", "\t- x", "a: *b", "[" * 100, "{a: }\n b"])
def test_what_is_no_yaml_is_told_with_a_line(tmp_path: Path, text: str) -> None:
    assert ":1: " in mistakes(tmp_path, text)[0] or ":2: " in mistakes(tmp_path, text)[0]


@pytest.mark.parametrize("loader", ["SafeLoader", "CSafeLoader"])
@pytest.mark.parametrize(
    "text",
    ["a: \0", "a: !!bool maybe", "a: !!int ''", "a: !!int _", "a: !!timestamp 9", "a: !!float x"],
    ids=repr,
)
def test_damaged_yaml_is_told_by_either_of_the_loaders(
    text: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_lines, "_Loader", getattr(yaml, loader))
    with pytest.raises(YamlError):
        yaml_lines.load(text)


@pytest.mark.parametrize("name", ["tags.yaml", "tags.csv"])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_tag_map_is_sound_or_a_mistake_that_is_told(name: str, data: Any) -> None:
    csv = (
        b"connection,measurement,field,address\ntcp://h,pump,speed,40001\ntcp://h,pump,flow,40003\n"
    )
    whole = csv if name.endswith("csv") else (EXAMPLES / "modbus_adapter/tags.yaml").read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    damage = data.draw(st.binary(max_size=8) | st.just(b"\0" * 512) | st.just(b"x" * 200_000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
        with contextlib.suppress(TagMapError):
            read_tag_map(path, kind=KIND)


def test_tags_that_several_groups_share_are_written_once(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
connections: {l: {url: tcp://h}}
groups:
  - measurement: a
    tags: &tags [{field: x, address: 40001}, &y {field: y, address: 40002}]
  - {measurement: b, unit: 2, tags: *tags}
  - {measurement: c, unit: 3, tags: [{<<: *y, field: z}]}
""",
    )
    a, b, c = found.groups
    assert a.tags == b.tags
    assert [(tag.field, tag.address) for tag in c.tags] == [("z", "40002")]


def test_aliases_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    layers = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    told = mistakes(tmp_path, "\n".join(["l0: &l0 [1, 2, 3]", *layers]))
    assert "values" in told[0]


def test_rows_of_a_csv_become_groups_by_measurement_and_unit(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "# made by hand\nconnection;measurement;unit_id;period_ms;field;address;type;unit\n"
        "rtu:///dev/ttyUSB0?baud_rate=19200;m1;3;500;a;30001;float32;degC\n"
        "rtu:///dev/ttyUSB0?baud_rate=19200;m1;3;500;b;30003;;\n\n"
        "tcp://192.0.2.1:502;m2;1;1000;c;coil:4;;\n",
        "tags.csv",
    )
    assert [bus.name.split(":")[0] for bus in found.buses] == ["rtu", "tcp"]
    assert found.buses[0].settings == {"url": "rtu:///dev/ttyUSB0?baud_rate=19200"}
    first, second = found.groups
    assert ([tag.field for tag in first.tags], first.unit, first.period_ms) == (
        ["a", "b"],
        "3",
        500,
    )
    assert (second.measurement, second.tags[0].address) == ("m2", "coil:4")


def test_mistakes_of_a_csv_have_its_lines(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        "connection,measurement,period_ms,field,address\n"
        "tcp://h,m,100,a,40001\n"
        "tcp://h,m,200,b,40002\n"
        'tcp://h,m,100,"c,40003\n'
        "tcp://h,m,100,d,40004,one,two\n"
        "nowhere,n,100,e,40005\n",
        "tags.csv",
    )
    assert [text.split(":")[1] for text in told] == ["3", "4", "5", "6"]
    assert "line 2, the same group" in told[0]


def test_one_measurement_of_one_thing_is_read_by_one_group_only(tmp_path: Path) -> None:
    tags = "tags: [{field: a, address: 40001}]"
    told = mistakes(
        tmp_path,
        "connections: {l: {url: tcp://h}}\ngroups:\n"
        f"- {{measurement: m, unit: 1, {tags}}}\n- {{measurement: m, unit: 2, {tags}}}\n",
    )
    assert len(told) == 1
    assert told[0].startswith("tags.yaml:4: gateway/m is the measurement of the group on line 3")


def test_the_configurations_connections_go_before_the_maps(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "connections: {l: {url: tcp://there, timeout_ms: 100}}\n"
        "groups: [{measurement: m, tags: [{field: a, address: 40001}]}]\n"
    )
    found = read_tag_map(
        tmp_path / "t.yaml", kind=KIND, connections={"l": {"timeout_ms": "900"}}, thing="gate-1"
    )
    assert found.buses[0].settings == {"url": "tcp://there", "timeout_ms": "900"}
    assert found.groups[0].thing == "gate-1"


def test_a_map_of_another_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("adapter: s7\n")
    with pytest.raises(TagMapError, match="'s7', and this is the modbus adapter"):
        read_tag_map(tmp_path / "t.yaml", kind=KIND)


@pytest.mark.parametrize("name", ["nothing", "os", "../x", ""])
def test_an_adapter_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(GateError, match="no adapter"):
        find_kind(name)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TagMapError, match="can't be read"):
        read_tag_map(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/tags.yaml")), ids=lambda p: p.parent.name)
def test_every_components_example_is_sound(path: Path) -> None:
    assert read_tag_map(path).groups
