"""`tidectl gateway check`: the plan, the load, and every mistake before anything is deployed."""

from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run

CHECK = ("gateway", "check")
EXAMPLE = "greengrass_components/modbus_adapter/tags.yaml"


def test_the_example_is_sound_and_its_plan_and_load_are_shown(tidectl: Run) -> None:
    result = tidectl(*CHECK, EXAMPLE, "--json")
    assert result.code == 0, result
    (bus,) = result.json()["buses"]
    assert [group["measurement"] for group in bus["groups"]] == ["pump", "tank"]
    assert bus["groups"][0]["requests"][-1].startswith("read input:0-16, 17 values")
    assert bus["load"]["requests_s"] == 9.0  # three a second, and three each half second
    assert bus["load"]["busy_percent"] == pytest.approx(4.5)
    assert "sound: 13 tags" in tidectl(*CHECK, EXAMPLE).err


def test_a_bus_that_can_not_carry_its_tags_is_exit_code_1(tidectl: Run, tmp_path: Path) -> None:
    line = '"rtu:///dev/ttyS0?baud_rate=1200",m,500,f{0},holding:{0}'
    rows = [line.format(n) for n in range(100)]
    path = tmp_path / "tags.csv"
    path.write_text("connection,measurement,period_ms,field,address\n" + "\n".join(rows))
    result = tidectl(*CHECK, str(path), "--json")
    assert result.code == 1
    (bus,) = result.json()["buses"]
    assert bus["overloaded"]
    characters = 8 + 5 + 200 + 7
    assert bus["load"]["busy_percent"] == pytest.approx(
        2 * 100 * (characters * 11 / 1200 + 3.5 * 11 / 1200 + 0.005), rel=0.01
    )


def test_mistakes_come_with_their_lines_and_exit_code_1(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(
        "connections: {l: {url: tcp://h}}\n"
        "groups:\n- {measurement: M, tags: [{field: a, address: 1}]}\n"
    )
    result = tidectl(*CHECK, str(path), "--json")
    assert result.code == 1
    found = result.json()["mistakes"]
    assert {(one["file"], one["line"]) for one in found} == {("tags.yaml", 3)}
    result = tidectl(*CHECK, str(path))
    assert result.code == 1
    assert "tags.yaml:3: " in result.err
    assert result.err.count("tags.yaml:3: ") == len(found) > 1  # each on a line of its own
    assert f"tags.yaml has {len(found)} mistakes" in result.complaint()


@pytest.mark.parametrize(
    ("folder", "requests_s", "busy_percent"),
    [
        ("s7_adapter", 2.0, 4.0),
        ("ethernetip_adapter", 1.0, 2.0),
        ("bacnet_adapter", 0.2, 0.4),
        ("snmp_adapter", 1 / 30, 0.07),  # the trap is waited for, not asked for
    ],
)
def test_the_load_of_what_is_asked_for_is_predicted(
    tidectl: Run, folder: str, requests_s: float, busy_percent: float
) -> None:
    path = f"greengrass_components/{folder}/tags.yaml"
    result = tidectl(*CHECK, path, "--round-trip-ms", "20", "--json")
    (bus,) = result.json()["buses"]
    assert bus["load"]["requests_s"] == pytest.approx(requests_s, abs=0.01)
    assert bus["load"]["busy_percent"] == pytest.approx(busy_percent, abs=0.01)
    assert "if a device takes 5 ms" in tidectl(*CHECK, path).err
    slow = tidectl(*CHECK, path, "--round-trip-ms", "60000", "--json")
    assert slow.code == (1 if slow.json()["buses"][0]["overloaded"] else 0)


def test_an_adapter_that_is_none_is_told_with_those_that_there_are(tidectl: Run) -> None:
    complaint = tidectl(*CHECK, EXAMPLE, "--adapter", "profinet").complaint()
    assert "there is no adapter 'profinet'" in complaint
    assert "modbus, opcua, s7, snmp" in complaint


def test_a_connection_that_can_not_be_is_told(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(
        "connections:\n  l: {url: 'ftp://h'}\n  k: {url: tcp://h, speed: 3, order: X}\ngroups:\n"
        "- {measurement: m, connection: l, tags: [{field: a, address: 40001}]}\n"
        "- {measurement: n, connection: k, tags: [{field: a, address: 40001}]}\n"
    )
    result = tidectl(*CHECK, str(path))
    assert result.complaint() == "tags.yaml has 3 mistakes"
    lines = [line.partition(": ")[::2] for line in result.err.splitlines()[:3]]
    assert [where for where, _ in lines] == ["tags.yaml:2", "tags.yaml:3", "tags.yaml:3"]
    assert [text.partition(" is ")[0] for _, text in lines] == [
        "connection l: url 'ftp://h'", "connection k: order", "connection k: speed",
    ]  # fmt: skip
    told = tidectl(*CHECK, str(path), "--json").json()["mistakes"]
    assert [one["line"] for one in told] == [2, 3, 3]


def test_maps_of_one_gateway_that_share_a_thing_are_told(tidectl: Run, tmp_path: Path) -> None:
    groups = (
        "groups:\n- {measurement: MEASUREMENT, thing: press-1, tags: [{field: a, address: A}]}\n"
    )
    modbus, s7 = tmp_path / "modbus.yaml", tmp_path / "s7.yaml"
    line = "adapter: modbus\nconnections: {l: {url: tcp://h}}\n"
    modbus.write_text(line + groups.replace("A}", "40001}").replace("MEASUREMENT", "pump"))
    line = "adapter: s7\nconnections: {l: {url: 's7://h'}}\n"
    s7.write_text(line + groups.replace("A}", "MW20}").replace("MEASUREMENT", "tank"))
    result = tidectl(*CHECK, str(modbus), "--beside", str(s7))
    assert result.code == 1
    assert "press-1 is of" in result.err
    assert "s7.yaml" in result.err
    s7.write_text(s7.read_text().replace("press-1", "press-2"))
    assert tidectl(*CHECK, str(modbus), "--beside", str(s7)).code == 0
    # Two of one kind have their own health under one name, unless they are named.
    assert "gateway:modbus is of" in tidectl(*CHECK, str(modbus), "--beside", EXAMPLE).err
