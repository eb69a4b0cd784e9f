"""Messages become batches and rows: as they are, or as their route says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.batch_log import BYTES_MIN, WhenOutboxFull
from tidegate.mqtt.errors import MessageError, MqttError
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.route import field_name, matches, part_name, read_route
from tidegate.mqtt.settings import DEFAULT_ROUTES, read_settings
from tidegate.outbox import Outbox, OutboxFullError, OutboxSettings
from tidegate.setting_reader import SettingsError
from tidegate.sparkplug.payload import DataType, Metric, Payload
from tidegate.sparkplug.payload import encode as encode_sparkplug
from tidewire import Batch, column_of, decode, encode, real_values
from tidewire.names import check_field, check_thing

AT_MS = 1_790_000_000_000
TOPIC = "dt/tidegauge/farm/board-1/climate"


def batch(thing: str = "board-1", sequence: int = 7) -> bytes:
    columns = [column_of("temperature_c", [21.5, 21.7])]
    made: bytes = encode(
        Batch("farm", thing, "climate", 3, sequence, [AT_MS, AT_MS + 1000], columns)
    )
    return made


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "outbox")
    yield made
    made.close()


def intake(outbox: Outbox, **routes: dict[str, object]) -> MessageIntake:
    facts = routes or DEFAULT_ROUTES
    return MessageIntake(
        [read_route(name, one) for name, one in facts.items()], outbox, site="farm", gateway="gw"
    )


def kept(outbox: Outbox) -> list[Batch]:
    outbox.maintain(flush=True)
    return [decode(entry.payload) for entry in outbox.batches.peek(0)]


def rows(outbox: Outbox) -> list[tuple[str, str, int, dict[str, object]]]:
    found = []
    for one in kept(outbox):
        columns = {column.name: real_values(column) for column in one.columns}
        for place, at_ms in enumerate(one.times_ms):
            values = {name: column[place] for name, column in columns.items()}
            found.append((one.thing, one.measurement, at_ms, values))
    return found


@pytest.mark.parametrize("prefix", ["", "$aws/rules/tidegauge_telemetry/"])
def test_a_boards_batch_is_kept_byte_for_byte(outbox: Outbox, prefix: str) -> None:
    taken = intake(outbox)
    taken.take(prefix + TOPIC, batch(), AT_MS)
    outbox.maintain(flush=True)
    (entry,) = outbox.batches.peek(0)
    assert entry.payload == batch()
    assert (entry.thing, entry.sequence, entry.samples) == ("board-1", 7, 2)
    assert (taken.batches, taken.samples) == (1, 2)


def test_sequences_of_boards_do_not_disturb_those_of_the_gateway(tmp_path: Path) -> None:
    with_own = {"plain": {"filter": "x/+", "format": "value", "thing": "x", "measurement": "m",
                          "field_level": 1}}  # fmt: skip
    for start in range(2):
        outbox = Outbox(tmp_path / "outbox")
        taken = intake(outbox, **DEFAULT_ROUTES, **with_own)  # type: ignore[arg-type]  # a test's shorthand
        taken.take(TOPIC, batch(sequence=900 + start), AT_MS)
        taken.take("x/y", b"1", AT_MS + start)
        outbox.maintain(flush=True)
        outbox.close()
    outbox = Outbox(tmp_path / "outbox")
    numbers = [(one.thing, one.sequence) for one in kept(outbox)]
    assert numbers == [("board-1", 900), ("gw:x", 0), ("board-1", 901), ("gw:x", 1)]
    outbox.close()


def test_json_of_a_device_without_batches_becomes_rows(outbox: Outbox) -> None:
    taken = intake(outbox)
    taken.take(TOPIC, b'{"temperature_c": 21.5, "wet": true}', AT_MS)
    assert rows(outbox) == [
        ("board-1", "climate", AT_MS, {"temperature_c": 21.5, "wet": True}),
    ]


def test_routes_name_things_and_fields_by_levels(outbox: Outbox) -> None:
    taken = intake(
        outbox,
        tasmota={"filter": "tele/+/SENSOR", "format": "json", "thing_level": 1,
                 "measurement": "sensor"},
        scales={"filter": "scales/+/+", "format": "value", "thing_level": 1,
                "measurement": "scales", "field_level": 2},
    )  # fmt: skip
    taken.take("tele/kitchen lamp/SENSOR", b'{"power_w": 4}', AT_MS)
    for topic, payload in (
        ("weight", b" 12.5 "),
        ("Stable?", b"TRUE"),
        ("time", b"now"),
        ("nan", b"nan"),
    ):
        taken.take(f"scales/s1/{topic}", payload, AT_MS)
    found = {
        (thing, name): value for thing, _, _, row in rows(outbox) for name, value in row.items()
    }
    assert found == {
        ("gw:kitchen_lamp", "power_w"): 4.0,
        ("gw:s1", "weight"): 12.5,
        ("gw:s1", "stable"): True,
        ("gw:s1", "time_"): "now",
        ("gw:s1", "nan"): None,
    }


def test_sparkplug_metrics_are_rows_with_every_last_value_and_a_quality(outbox: Outbox) -> None:
    taken = intake(outbox)
    node = "spBv1.0/hall 1/{}/press"

    def send(kind: str, sequence: int, at_ms: int, *metrics: Metric) -> int:
        payload = encode_sparkplug(Payload(at_ms, sequence, metrics))
        return len(taken.take(node.format(kind), payload, at_ms))

    send(
        "NBIRTH", 0, AT_MS,
        Metric("bdSeq", data_type=DataType.INT64, value=1),
        Metric("Motor/Speed", alias=1, data_type=DataType.DOUBLE, value=1.5),
        Metric("motor speed", alias=2, data_type=DataType.INT16, value=-2),
    )  # fmt: skip
    send("NDATA", 1, AT_MS + 10, Metric(alias=2, value=5))
    send("NDATA", 2, AT_MS + 20, Metric(alias=1, value=9.0, at_ms=AT_MS + 5, historical=True))
    asked = send("NDATA", 4, AT_MS + 30, Metric(alias=1, value=2.5, quality=0))
    assert asked == 1, "a message is missing"
    will = (Metric("bdSeq", data_type=DataType.INT64, value=1),)
    taken.take(node.format("NDEATH"), encode_sparkplug(Payload(None, None, will)), AT_MS + 40)
    values = [
        (at_ms - AT_MS, row["motor_speed"], row["motor_speed_2"], row["quality"])
        for thing, measurement, at_ms, row in rows(outbox)
        if (thing, measurement) == ("gw:hall_1:press", "sparkplug")
    ]
    assert sorted(values) == [
        (0, 1.5, -2, 0),
        (5, 9.0, None, 0),
        (10, 1.5, 5, 0),
        (30, 2.5, 5, 2),
        (40, None, None, 2),
    ]


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("other/topic", b"1", "no-route"),
        (TOPIC, b"", "payload"),
        (TOPIC, b"\xff\xff", "payload"),
        (TOPIC, batch()[:-3], "payload"),
        (TOPIC, batch(thing="board-2"), "identity"),
        ("spBv1.0/a/NDATA/b", b"\xff\xff", "sparkplug"),
    ],
)
def test_what_can_not_be_understood_has_a_reason(
    outbox: Outbox, topic: str, payload: bytes, reason: str
) -> None:
    with pytest.raises(MessageError) as caught:
        intake(outbox).take(topic, payload, AT_MS)
    assert caught.value.reason == reason
    assert kept(outbox) == []


def test_a_full_outbox_refuses_a_batch_and_says_so(tmp_path: Path) -> None:
    settings = OutboxSettings(bytes_max=BYTES_MIN, when_full=WhenOutboxFull.REJECT)
    outbox = Outbox(tmp_path, settings)
    taken = intake(outbox)
    sequence = 0
    while outbox.batches.fill < 1.0:
        sequence += 1
        taken.take(TOPIC, batch(sequence=sequence), AT_MS)
    with pytest.raises(OutboxFullError):
        taken.take(TOPIC, batch(sequence=sequence + 1), AT_MS)
    assert outbox.dropped["samples_rejected"] == 2
    outbox.close()


@pytest.mark.parametrize(
    ("filter_", "topic", "expected"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/c/d", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "a/b", True),
        ("a/b/+", "a/b", False),
    ],
)
def test_filters_match_as_mqtt_has_it(filter_: str, topic: str, expected: bool) -> None:
    assert matches(filter_, topic) is expected


@given(st.text(max_size=100))
def test_any_text_makes_names_that_are_valid_or_none(text: str) -> None:
    if field := field_name(text):
        check_field(field)
    if thing := part_name("gateway-1", text):
        check_thing(thing)


def test_mistakes_of_routes_and_settings_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(MqttError, match="thing is missing, or thing_level, for the format json"):
        read_route("x", {"filter": "a", "format": "json"})
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {
                "certificate": str(tmp_path / "absent"),
                "routes": {"a": {"filter": "a/#/b"}, "b": {"filter": "x", "colour": 1}},
            }
        )
    assert json.dumps(caught.value.mistakes).count("routes.") == 2
    assert any("absent is not there" in one for one in caught.value.mistakes)
    assert any(one.startswith("key is missing") for one in caught.value.mistakes)
