"""A configuration is taken whole or refused with every mistake in it."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode import config, drivers
from tidenode.errors import ConfigError

GOOD: dict[str, Any] = {
    "thing": "board-1",
    "site": "farm",
    "broker": {"host": "broker.example"},
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 1000}],
}
SPECS = {"": config.TOP} | {f"{name}.": spec for name, spec in config.SECTIONS}
RANGES = [
    (path, key, kind, lowest, highest)
    for path, spec in SPECS.items()
    for key, kind, _, lowest, highest in spec
    if kind is not bool and key != "power_save"  # one of three words
]
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*GOOD, *(key for spec in SPECS.values() for key, *_ in spec), "x"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


def parse(document: object) -> Any:
    return config.parse(document, drivers.options_of)


def mistakes_of(document: object) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(document)
    return refused.value.mistakes


def with_value(path: str, value: object) -> dict[str, Any]:
    """Return GOOD with `value` at `path`, a section or none and a key."""
    document = deepcopy(GOOD)
    *section, key = path.split(".")
    fresh = {"wifi": {"ssid": "net"}, "sleep": {"period_s": 60}}.get(section[0] if section else "")
    place = document.setdefault(section[0], fresh or {}) if section else document
    place[key] = value
    return document


RECORDS = {
    "batch": config.BatchLimits,
    "broker": config.Broker,
    "clock": config.ClockSource,
    "control": config.ControlLimits,
    "link": config.LinkLimits,
    "outbox": config.OutboxLimits,
    "sleep": config.Sleep,
}


def test_records_have_the_fields_of_their_tables_in_order() -> None:
    for name, spec in config.SECTIONS:
        if name in RECORDS:
            assert RECORDS.pop(name)._fields == tuple(key for key, *_ in spec)
    assert not RECORDS
    asked = tuple(key for key, *_ in config.MEASUREMENT)
    assert config.Measurement._fields[: len(asked)] == asked
    assert config.Config._fields[: len(config.TOP)] == tuple(key for key, *_ in config.TOP)


def test_what_is_not_said_has_its_default() -> None:
    settings = parse(GOOD)
    assert (settings.thing, settings.site, settings.basic_ingest) == ("board-1", "farm", True)
    assert settings.broker == ("broker.example", 8883)
    assert settings.wifi is settings.control is None
    for name, spec in config.SECTIONS:
        if name not in ("broker", "control", "portal", "sleep", "wifi"):
            assert getattr(settings, name) == tuple(row[2] for row in spec)
    (climate,) = settings.measurements
    assert (climate.name, climate.driver, climate.period_ms) == ("climate", "bme280", 1000)
    assert climate.options == {"bus": 0, "scl_pin": 22, "sda_pin": 21, "address": 0x76}


def test_what_is_said_is_taken() -> None:
    document = GOOD | {
        "wifi": {"ssid": "net", "password": "secret"},
        "clock": {"sntp_host": None},
        "link": {"window": 1},
        "measurements": [GOOD["measurements"][0] | {"address": 0x77}],
    }
    settings = parse(document)
    one = ("net", "secret", None, None, None, None)
    assert settings.wifi == (15_000, None, None, None, (one,))
    assert settings.clock.sntp_host is None
    assert settings.link.window == 1
    assert settings.measurements[0].options["address"] == 0x77


@pytest.mark.parametrize(("path", "key", "kind", "lowest", "highest"), RANGES)
def test_the_ends_of_each_range_are_taken_and_what_is_beyond_is_not(
    path: str, key: str, kind: type, lowest: int, highest: int
) -> None:
    def value(size: int) -> object:
        return "x" * size if kind is str else size

    for size in (lowest, highest):
        document = with_value(path + key, value(size))
        if key == "retry_delay_ms_min":
            document["link"]["retry_delay_ms_max"] = 3_600_000
        elif key == "retry_delay_ms_max":
            document["link"]["retry_delay_ms_min"] = 10
        parse(document)
    for size in (lowest - 1, highest + 1):
        if kind is str and size < 0:
            continue
        (mistake,) = mistakes_of(with_value(path + key, value(size)))
        assert mistake.startswith(f"{path}{key}: must be ")
        assert f"{lowest} to {highest}" in mistake


@pytest.mark.parametrize(
    ("path", "value", "mistake"),
    [
        ("basic_ingest", 1, "basic_ingest: must be true or false, not 1"),
        ("thing", 7, "thing: must be a text of 1 to 64 characters, not 7"),
        ("thing", None, "thing: must be a text of 1 to 64 characters, not None"),
        ("thing", "a/b", "thing: "),
        ("site", "über", "site: "),
        ("broker", [], "broker: must be an object"),
        ("broker", None, "broker: must be an object"),
        ("broker.port", True, "broker.port: must be an integer of 1 to 65535, not True"),
        ("broker.port", 8883.0, "broker.port: must be an integer of 1 to 65535, not 8883.0"),
        ("broker.port", "8883", "broker.port: must be an integer of 1 to 65535, not '8883'"),
        ("link.ack_timeout_ms", None, "link.ack_timeout_ms: must be an integer"),
        ("link.retry", 1, "link.retry: unknown key"),
        ("outbox.bytes_max", 1, "outbox.bytes_max: must be an integer of 8192 to"),
        ("verify", False, "verify: unknown key"),
        ("measurements", {}, "measurements: must be a list of 1 to 16"),
        ("measurements", [], "measurements: must be a list of 1 to 16"),
        ("measurements", [GOOD["measurements"][0]] * 17, "measurements: must be a list of 1"),
        ("measurements", ["climate"], "measurements[0]: must be an object"),
        ("wifi", {}, "wifi.ssid: is missing"),
        ("wifi", {"ssid": ""}, "wifi.ssid: must be a text of 1 to 32 characters, not ''"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_what_was_expected(
    path: str, value: object, mistake: str
) -> None:
    (found,) = mistakes_of(with_value(path, value))
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"pin": 4}, "measurements[0].pin: unknown key"),
        ({"address": 0x78}, "measurements[0].address: must be an integer of 118 to 119, not 120"),
        ({"driver": "dht11"}, "measurements[0].driver: there is no driver 'dht11'"),
        ({"driver": "dht11", "pin": 4}, "measurements[0].driver: there is no driver 'dht11'"),
        ({"driver": "../bme280"}, "measurements[0].driver: there is no driver '../bme280'"),
        ({"driver": "__init__"}, "measurements[0].driver: there is no driver '__init__'"),
        ({"driver": 5}, "measurements[0].driver: must be a text of 1 to 32 characters, not 5"),
        ({"name": "Climate"}, "measurements[0].name: "),
        ({"name": "tidegauge_ledger"}, "measurements[0].name: "),
        ({"period_ms": 9}, "measurements[0].period_ms: must be an integer of 10 to 86400000"),
    ],
)
def test_a_mistake_in_a_measurement_is_named_with_its_number(
    change: dict[str, object], mistake: str
) -> None:
    (found,) = mistakes_of(GOOD | {"measurements": [GOOD["measurements"][0] | change]})
    assert found.startswith(mistake)


@pytest.mark.parametrize("key", ["name", "driver", "period_ms"])
def test_a_measurement_lacks_a_key(key: str) -> None:
    entry = {name: value for name, value in GOOD["measurements"][0].items() if name != key}
    assert f"measurements[0].{key}: is missing" in mistakes_of(GOOD | {"measurements": [entry]})


def test_two_measurements_have_one_name() -> None:
    entry = GOOD["measurements"][0]
    assert mistakes_of(GOOD | {"measurements": [entry, entry | {"address": 0x77}]}) == [
        "measurements[1].name: climate is taken"
    ]


def test_a_measurement_has_not_the_name_by_which_a_board_tells_what_went_wrong() -> None:
    entry = GOOD["measurements"][0] | {"name": "event"}
    assert mistakes_of(GOOD | {"measurements": [entry]}) == ["measurements[0].name: event is taken"]


def test_all_mistakes_are_reported_together() -> None:
    document = {
        "thing": "a b",
        "brocker": {"host": "x"},
        "broker": {"host": "", "tls": False},
        "link": {"window": 0, "retry_delay_ms_min": 500, "retry_delay_ms_max": 100},
        "clock": 5,
        "measurements": [
            {"name": "climate", "driver": "bme280", "period_ms": 0, "pins": []},
            {"name": "health", "driver": "chip"},
            7,
        ],
    }
    with pytest.raises(ConfigError) as refused:
        parse(document)
    assert [mistake.split(":")[0] for mistake in sorted(refused.value.mistakes)] == [
        "brocker",
        "broker.host",
        "broker.tls",
        "clock",
        "link.retry_delay_ms_min",
        "link.window",
        "measurements[0].period_ms",
        "measurements[0].pins",
        "measurements[1].period_ms",
        "measurements[2]",
        "site",
        "thing",
    ]
    assert str(refused.value).startswith("config.json: 12 mistakes: ")


def test_a_long_value_is_shown_by_its_beginning() -> None:
    (mistake,) = mistakes_of(with_value("site", "x" * 500))
    assert mistake.endswith("not 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...")


@pytest.mark.parametrize("document", [None, [], "thing", 5])
def test_a_document_that_is_no_object_is_refused(document: object) -> None:
    assert mistakes_of(document) == ["must be an object"]


@given(documents)
def test_any_document_is_taken_or_refused_clearly(document: object) -> None:
    mistakes: list[str] = []
    try:
        parse(document)
    except ConfigError as error:
        mistakes = error.mistakes or ["none, and yet refused"]
    assert "none, and yet refused" not in mistakes
    assert len(set(mistakes)) == len(mistakes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def test_a_file_is_read(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    assert config.load(str(path), drivers.options_of) == parse(GOOD)


def test_a_file_that_is_no_json_is_refused(path: Path) -> None:
    path.write_text('{"thing": ')
    with pytest.raises(ConfigError, match="not JSON"):
        config.load(str(path), drivers.options_of)


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        config.load(str(path), drivers.options_of)
