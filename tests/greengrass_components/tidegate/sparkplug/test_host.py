"""A host application knows its nodes: names by birth, order by sequence, death by will."""

import pytest

from tidegate.sparkplug.host import Readings, Rebirth, Source, SparkplugHost, parse_topic
from tidegate.sparkplug.payload import DataType, Metric, Payload, SparkplugError, decode, encode

NODE = "spBv1.0/plant/{}/press"
DEVICE = "spBv1.0/plant/{}/press/oven"
AT_MS = 1_800_000_000_000


def birth(session: int = 3) -> bytes:
    return encode(
        Payload(
            AT_MS,
            0,
            (
                Metric("bdSeq", data_type=DataType.INT64, value=session),
                Metric("Node Control/Rebirth", data_type=DataType.BOOLEAN, value=False),
                Metric("Force", alias=1, data_type=DataType.DOUBLE, value=1.5),
                Metric("Strokes", alias=2, data_type=DataType.INT16, value=-2),
            ),
        )
    )


def data(sequence: int, *metrics: Metric) -> bytes:
    return encode(Payload(AT_MS + 1000, sequence, metrics))


def death(session: int) -> bytes:
    return encode(Payload(AT_MS, None, (Metric("bdSeq", data_type=DataType.INT64, value=session),)))


def born() -> SparkplugHost:
    host = SparkplugHost()
    host.take(NODE.format("NBIRTH"), birth(), AT_MS)
    return host


def test_a_birth_gives_names_types_and_first_values_without_the_nodes_own_controls() -> None:
    (readings,) = SparkplugHost().take(NODE.format("NBIRTH"), birth(), AT_MS)
    assert isinstance(readings, Readings)
    assert readings.source == Source("plant", "press")
    assert [(r.name, r.value, r.quality) for r in readings.readings] == [
        ("Force", 1.5, 192),
        ("Strokes", -2, 192),
    ]


def test_data_by_alias_get_name_type_and_time() -> None:
    host = born()
    (readings,) = host.take(
        NODE.format("NDATA"),
        data(1, Metric(alias=2, value=0xFFFB, at_ms=AT_MS + 7), Metric(alias=1, value=None)),
        AT_MS,
    )
    assert isinstance(readings, Readings)
    strokes, force = readings.readings
    assert (strokes.name, strokes.value, strokes.at_ms) == ("Strokes", -5, AT_MS + 7)
    assert (force.value, force.at_ms, force.quality) == (None, AT_MS + 1000, 0)


def test_a_missing_message_asks_for_a_rebirth_once_and_its_values_are_still_taken() -> None:
    host = born()
    rebirth, readings = host.take(NODE.format("NDATA"), data(2, Metric(alias=1, value=2.0)), AT_MS)
    assert isinstance(rebirth, Rebirth)
    assert rebirth.topic == "spBv1.0/plant/NCMD/press"
    (control,) = decode(rebirth.payload).metrics
    assert (control.name, control.value) == ("Node Control/Rebirth", True)
    assert isinstance(readings, Readings)
    (again,) = host.take(NODE.format("NDATA"), data(9, Metric(alias=1, value=2.0)), AT_MS + 5)
    assert isinstance(again, Readings), "asked a moment ago"


def test_the_sequence_goes_on_from_255_to_0() -> None:
    host = born()
    for sequence in (*range(1, 256), 0, 1):
        (only,) = host.take(NODE.format("NDATA"), data(sequence, Metric(alias=1, value=2.0)), AT_MS)
        assert isinstance(only, Readings)


@pytest.mark.parametrize("topic", [NODE.format("NDATA"), DEVICE.format("DDATA")])
def test_data_before_any_birth_ask_for_one(topic: str) -> None:
    (rebirth,) = SparkplugHost().take(topic, data(4, Metric(alias=1, value=2.0)), AT_MS)
    assert isinstance(rebirth, Rebirth)


def test_an_alias_that_no_birth_told_asks_for_one() -> None:
    (rebirth,) = born().take(NODE.format("NDATA"), data(1, Metric(alias=99, value=2.0)), AT_MS)
    assert isinstance(rebirth, Rebirth)
    assert "99" in rebirth.why


def test_the_death_of_a_node_makes_it_and_its_devices_stale() -> None:
    host = born()
    device = encode(
        Payload(AT_MS, 1, (Metric("Heat", alias=5, data_type=DataType.FLOAT, value=80.0),))
    )
    host.take(DEVICE.format("DBIRTH"), device, AT_MS)
    stale = host.take(NODE.format("NDEATH"), death(3), AT_MS + 60_000)
    told = {
        (str(one.source), r.name, r.value, r.quality)
        for one in stale
        if isinstance(one, Readings)
        for r in one.readings
    }
    assert told == {
        ("plant/press", "Force", None, 500),
        ("plant/press", "Strokes", None, 500),
        ("plant/press/oven", "Heat", None, 500),
    }


def test_the_will_of_an_older_session_kills_nobody() -> None:
    host = born()
    assert host.take(NODE.format("NDEATH"), death(2), AT_MS) == []
    (alive,) = host.take(NODE.format("NDATA"), data(1, Metric(alias=1, value=2.0)), AT_MS)
    assert isinstance(alive, Readings)


def test_what_is_no_single_value_is_skipped_and_counted() -> None:
    host = born()
    payload = data(1, Metric("Picture", data_type=DataType.BYTES, value=b"x"))
    (readings,) = host.take(NODE.format("NDATA"), payload, AT_MS)
    assert isinstance(readings, Readings)
    assert readings.readings == ()
    assert host.skipped == 1


@pytest.mark.parametrize("topic", ["spBv1.0/STATE/host", "spBv1.0/a/NDATA", "other/a/NDATA/b", "a"])
def test_topics_of_others_mean_nothing(topic: str) -> None:
    assert parse_topic(topic)[0] == ""
    assert SparkplugHost().take(topic, b"\xff", AT_MS) == []


def test_a_payload_that_is_none_is_told() -> None:
    with pytest.raises(SparkplugError):
        born().take(NODE.format("NDATA"), b"\xff\xff", AT_MS)
