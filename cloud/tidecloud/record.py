"""A record of the stream, and the envelope that the telemetry rule puts around a payload."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidecloud.errors import RecordError

# What IoT SQL's clientid() says of a message that came by no MQTT connection.
_NO_CLIENT = ("", "n/a", "N/A")


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the stream; `part` counts the entries inside an aggregated one."""

    shard: str
    sequence_number: str
    partition_key: str
    arrived_at_ms: int
    data: bytes
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with what the broker knows of it: who sent it, on which topic, when."""

    client: str
    topic: str
    received_at_ms: int
    payload: bytes


def records_of(event: Mapping[str, Any]) -> list[Record]:
    """Return the records of a Kinesis event of Lambda, in order.

    Raises `KeyError` or `ValueError` on any other event: that is a wrong trigger, not a wrong
    record, and must stay in the stream.
    """
    return [_record(entry) for entry in _entries(event)]


def open_envelope(data: bytes) -> Envelope:
    """Read the JSON that the telemetry rule wrote; raises `RecordError`."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError("envelope", f"not the JSON of the telemetry rule: {error}") from error
    if not isinstance(document, dict):
        raise RecordError("envelope", "the record's JSON is not an object")
    client, topic, received_at_ms, text = (
        document.get(key) for key in ("client", "topic", "received_at", "data")
    )
    if client is None or client in _NO_CLIENT:
        raise RecordError("identity", "the message came by no MQTT client: no one vouches for it")
    if not isinstance(client, str) or not isinstance(topic, str) or not isinstance(text, str):
        raise RecordError("envelope", "client, topic and data must be texts")
    if type(received_at_ms) is not int:
        raise RecordError("envelope", "received_at must be whole milliseconds")
    try:
        payload = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise RecordError("envelope", f"data is not base64: {error}") from error
    return Envelope(client, topic, received_at_ms, payload)


def _entries(event: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    entries = event["Records"]
    if not isinstance(entries, list):
        raise ValueError("Records of the event is not a list")
    return entries


def _record(entry: Mapping[str, Any]) -> Record:
    kinesis = entry["kinesis"]
    return Record(
        shard=entry["eventID"].partition(":")[0],
        sequence_number=kinesis["sequenceNumber"],
        partition_key=kinesis["partitionKey"],
        arrived_at_ms=round(kinesis["approximateArrivalTimestamp"] * 1000),
        data=base64.b64decode(kinesis["data"]),
    )
