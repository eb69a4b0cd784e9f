"""What is to be set is checked as the component does it, and goes to whom it is for."""

from pathlib import Path
from typing import Any

import pytest

from tests.tools.tidectl.gateway.probe import NAME, write_probe
from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource, all_sources, find_source
from tidectl.gateway.setting_pairs import assigned, with_files_from_here
from tidectl.gateway.settings_check import Place, check_settings, is_known, setting_names

HERE = Place("gw-1", Path())


def test_every_component_of_this_project_is_known_and_sound_as_it_is() -> None:
    for source in all_sources():
        assert is_known(source), source.name
        check_settings(source, source.recipe.defaults, HERE)
        assert set(source.recipe.defaults) - {"accessControl"} <= setting_names(source)


@pytest.mark.parametrize(
    ("component", "settings", "told"),
    [
        ("modbus_adapter", {"outbox": {"sync": "often"}}, "outbox: sync is 'often', not one of"),
        ("modbus_adapter", {"outbocks": {}}, "outbocks is no setting"),
        ("modbus_adapter", {"tag_map": "/absent.yaml"}, "/absent.yaml: can't be read"),
        ("modbus_adapter", {"connections": {"plant": {"url": "ftp://h"}}}, "ftp"),
        ("mqtt_bridge", {"broker": {"ca": "absent.pem"}}, "ca absent.pem is not there"),
        ("mqtt_bridge", {"broker": {"routes": {"a": {"filter": "a/#/b"}}}}, "is no topic filter"),
        ("mqtt_bridge", {"broker": "127.0.0.1"}, "broker is '127.0.0.1', not a map"),
        ("kinesis_uplink", {"via": "pigeon"}, "via is 'pigeon', not one of"),
        ("kinesis_uplink", {"linger_ms": "soon"}, "linger_ms is 'soon', not a number"),
        ("stream_manager", {"port": 70_000}, "port is 70000, not 0 to 65535"),
        ("host_metrics", {"status_port": "x", "health_period_ms": -1}, "status_port is 'x'"),
    ],
)
def test_a_wrong_value_is_told_in_the_words_of_the_component(
    component: str, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(TidectlError) as refused:
        check_settings(find_source(component), settings, HERE)
    message = str(refused.value).replace("outbox.", "outbox: ")
    assert message.startswith(f"{component} would refuse this: ")
    assert told in message


def test_files_of_a_device_are_not_looked_for_here() -> None:
    there = Place("GATEWAY")
    check_settings(find_source("modbus_adapter"), {"tag_map": "/on/the/device.yaml"}, there)
    certificate = {"ca": "/etc/ca.pem", "certificate": "/etc/c.pem", "key": "/etc/k.pem"}
    check_settings(find_source("mqtt_bridge"), {"broker": certificate}, there)


@pytest.fixture
def sources(tmp_path: Path) -> list[ComponentSource]:
    probe = find_source(str(write_probe(tmp_path / "probe")))
    return [find_source("modbus_adapter"), find_source("kinesis_uplink"), probe]


def test_a_setting_goes_to_those_that_have_it_or_to_the_one_named(
    sources: list[ComponentSource],
) -> None:
    modbus, uplink = "io.tidegauge.ModbusAdapter", "io.tidegauge.KinesisUplink"
    pairs = (
        "site=farm", "linger_ms=5", "modbus_adapter:outbox.sync=each",
        f"{uplink}:status_port=8790", "probe:deep.x=1",
        "connections.plant.url=tcp://h:502",
    )  # fmt: skip
    assert assigned(pairs, sources) == {
        modbus: {
            "site": "farm",
            "outbox": {"sync": "each"},
            "connections": {"plant": {"url": "tcp://h:502"}},
        },
        uplink: {"site": "farm", "linger_ms": 5, "status_port": 8790},
        NAME: {"site": "farm", "deep": {"x": 1}},
    }


def test_a_file_that_is_named_from_here_gets_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("groups: []")
    (tmp_path / "ca.pem").write_text("x")
    tree = {
        "a": {"tag_map": "mine.yaml", "site": "mine.yaml", "broker": {"ca": "ca.pem"}},
        "b": {"tag_map": "absent.yaml"},
        "c": {"tag_map": "/absent.yaml"},
    }
    told: list[str] = []
    assert with_files_from_here(tree, told.append) == {
        "a": {
            "tag_map": f"{tmp_path}/mine.yaml",
            "site": "mine.yaml",
            "broker": {"ca": f"{tmp_path}/ca.pem"},
        },
        "b": {"tag_map": "absent.yaml"},
        "c": {"tag_map": "/absent.yaml"},
    }
    assert told == [f"tag_map: {tmp_path}/mine.yaml", f"ca: {tmp_path}/ca.pem"]


@pytest.mark.parametrize(
    ("pair", "told", "hint"),
    [
        ("lingr_ms=5", "none of these components has a setting lingr_ms", "mean linger_ms?"),
        ("kinesis_uplink:sync=5", "kinesis_uplink has no setting sync", "there are endpoint"),
        ("host_metrics:site=x", "host_metrics is not among the components named", "set it of"),
        ("xyz=1", "has a setting xyz", "COMPONENT:KEY=VALUE"),
    ],
)
def test_a_setting_that_nobody_has_is_refused(
    sources: list[ComponentSource], pair: str, told: str, hint: str
) -> None:
    with pytest.raises(TidectlError) as refused:
        assigned([pair], sources)
    assert told in str(refused.value)
    assert hint in refused.value.hint
