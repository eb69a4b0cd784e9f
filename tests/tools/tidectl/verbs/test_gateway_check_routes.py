"""`tidectl gateway check` of the bridge's settings: mistakes by line, and what routes take."""

from pathlib import Path

from tests.tools.tidectl.conftest import Run

CHECK = ("gateway", "check")
EXAMPLE = "greengrass_components/mqtt_bridge/routes.yaml"
WRONG = """site: farm
prot: 1
outbox:
  sync: often
broker:
  port: 99999
  routes:
    boards: {filter: dt/tidegauge/+/+/+, format: batch}
    tasmota:
      filter: tele/+/SENSOR
      format: json
      thing_level: 7
    odd: 5
"""


def test_the_example_is_sound_and_each_route_s_use_is_shown(tidectl: Run) -> None:
    done = tidectl(*CHECK, EXAMPLE, "--thing", "gw-1", "--json")
    assert done.code == 0, done
    document = done.json()
    assert document["broker"] == {"host": "127.0.0.1", "port": 1883}
    becomes = {one["route"]: one["becomes"] for one in document["routes"]}
    assert becomes["tasmota"] == "gw-1:<level 1> / sensor, a field each value"
    assert becomes["scales"] == "gw-1:<level 1> / scales, <level 2>"
    assert "sound: 4 routes" in tidectl(*CHECK, EXAMPLE, "--adapter", "mqtt_bridge").err


def test_a_topic_is_told_who_takes_it_and_as_what(tidectl: Run) -> None:
    topics = ("tele/kitchen/SENSOR", "scales/3/kg", "dt/tidegauge/farm/board-1/climate")
    words = [word for topic in topics for word in ("--topic", topic)]
    done = tidectl(*CHECK, EXAMPLE, "--thing", "gw-1", "--json", *words)
    assert done.code == 0, done
    told = [(one["route"], one["thing"], one["measurement"], one["field"])
            for one in done.json()["topics"]]  # fmt: skip
    assert told == [
        ("tasmota", "gw-1:kitchen", "sensor", None),
        ("scales", "gw-1:3", "scales", "kg"),
        ("boards", "board-1", "climate", None),
    ]
    nobody = tidectl(*CHECK, EXAMPLE, "--topic", "plant/x")
    assert nobody.code == 1
    assert "plant/x: no route takes it" in nobody.err
    assert "is no topic" in tidectl(*CHECK, EXAMPLE, "--topic", "a/#").complaint()


def test_mistakes_of_routes_come_with_their_lines(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(WRONG)
    done = tidectl(*CHECK, str(path), "--json")
    assert done.code == 1
    lines = {one["line"]: one["text"] for one in done.json()["mistakes"]}
    assert "prot is no setting" in lines[2]
    assert "outbox.sync is 'often'" in lines[4]
    assert "broker.port is 99999" in lines[6]
    assert "broker.routes.tasmota.measurement is missing" in lines[9]
    assert "thing_level is 7: tele/+/SENSOR has the levels 0 to 2" in lines[12]
    assert "broker.routes.odd is 5, not a map" in lines[13]
    assert "routes.yaml:13: " in tidectl(*CHECK, str(path)).err
    path.write_text("broker: [\n")
    assert "routes.yaml:" in tidectl(*CHECK, str(path), "--adapter", "mqtt_bridge").complaint()


def test_a_route_that_another_leaves_nothing_is_told(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(
        "routes:\n"
        "  all: {filter: 'tele/#', format: json, thing_level: 1, measurement: all}\n"
        "  late: {filter: tele/+/SENSOR, format: json, thing_level: 1, measurement: late}\n"
    )
    done = tidectl(*CHECK, str(path))
    assert done.code == 0
    assert "late never takes anything: all its topics are of all first" in done.err


def test_a_bridge_and_a_tag_map_with_one_thing_are_told(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text("thing: press-1\nroutes: {all: {filter: '#', format: batch}}\n")
    tags = tmp_path / "tags.yaml"
    tags.write_text(
        "adapter: modbus\nconnections: {l: {url: tcp://h}}\ngroups:\n"
        "- {measurement: m, thing: press-1, tags: [{field: a, address: 40001}]}\n"
    )
    done = tidectl(*CHECK, str(path), "--beside", str(tags))
    assert "press-1 is of" in done.complaint()
