"""From messages to the outbox: batches as they are, everything else as rows.

Flow: broker -> [message intake] -> outbox
Pure of any network. A message that can't be understood is told by `MessageError`: whoever asks
sets it aside, whole. Raises the outbox's errors when the disk does not take it: then it must not
be acknowledged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.mqtt.errors import MessageError
from tidegate.mqtt.route import Route, field_name, matches, part_name
from tidegate.mqtt.sparkplug_rows import SparkplugRows
from tidegate.outbox import Outbox
from tidegate.sparkplug.host import Rebirth
from tidegate.sparkplug.payload import SparkplugError
from tidegate.stream import Stream, Value
from tidewire import Batch, WireError, decode, limits, real_values, topic
from tidewire.foreign import decode as decode_foreign

_BATCH_FIRST, _BATCH_LAST = 0xA0, 0xBF  # a CBOR map: a batch
_VALUE_BYTES_MAX = 1024
LATEST_MAX = 200  # measurements whose newest sample is kept, for the status page


@dataclass(slots=True)
class Newest:
    """The newest values of a measurement, at the instant of the last."""

    at_ms: int = 0
    values: dict[str, Value] = field(default_factory=dict)


class MessageIntake:
    """Takes messages of the routes, for the gateway of that thing name.

    `batches` and `samples` count what went to the outbox; `latest` has the newest values by thing
    and measurement, of the first `LATEST_MAX` and of `COLUMNS_MAX` fields each.
    """

    def __init__(self, routes: Sequence[Route], outbox: Outbox, *, site: str, gateway: str) -> None:
        self.batches = self.samples = 0
        self.latest: dict[tuple[str, str], Newest] = {}
        self._routes, self._outbox = tuple(routes), outbox
        self._site, self._gateway = site, gateway
        self.sparkplug = SparkplugRows(gateway)

    def take(self, name: str, payload: bytes, received_at_ms: int) -> list[Rebirth]:
        """Take a message; returns what is to be asked of Sparkplug nodes.

        Raises `MessageError`, and what the outbox raises.
        """
        route = next((one for one in self._routes if matches(one.filter, name)), None)
        if route is None:
            raise MessageError("no-route", f"no route for topic {name}")
        try:
            if route.format == "sparkplug":
                return self._take_sparkplug(route, name, payload, received_at_ms)
            if route.format == "batch":
                self._take_batch(name, payload, received_at_ms)
            elif route.format == "json":
                self._take_json(route, name, payload, received_at_ms)
            else:
                self._take_value(route, name, payload, received_at_ms)
        except WireError as error:
            raise MessageError("payload", str(error)) from error
        except SparkplugError as error:
            raise MessageError("sparkplug", str(error)) from error
        return []

    def _take_batch(self, name: str, payload: bytes, received_at_ms: int) -> None:
        site, thing, measurement = topic.parse(name)
        if not payload or not _BATCH_FIRST <= payload[0] <= _BATCH_LAST:
            self._keep_rows(decode_foreign(payload, site, thing, measurement, received_at_ms))
            return
        batch = decode(payload)
        if (batch.thing, batch.measurement) != (thing, measurement):
            raise MessageError(
                "identity",
                f"a batch of {batch.thing}/{batch.measurement} on the topic of "
                f"{thing}/{measurement}",
            )
        self._outbox.append_batch(
            thing=thing, sequence=batch.sequence, samples=len(batch.times_ms), payload=payload
        )
        self.batches += 1
        self.samples += len(batch.times_ms)
        values: dict[str, Value] = {}
        for column in batch.columns:
            last: list[Any] = real_values(column._replace(values=column.values[-1:]))
            values.update((column.name, value) for value in last)
        if batch.times_ms:
            self._note(thing, measurement, batch.times_ms[-1], values)

    def _take_json(self, route: Route, name: str, payload: bytes, received_at_ms: int) -> None:
        thing, measurement = self._names(route, name)
        self._keep_rows(decode_foreign(payload, self._site, thing, measurement, received_at_ms))

    def _take_value(self, route: Route, name: str, payload: bytes, received_at_ms: int) -> None:
        thing, measurement = self._names(route, name)
        named = field_name(route.field.of(name.split("/")))
        if not named:
            raise MessageError("name", f"topic {name} names no field")
        value = _value(payload)
        self._append(Stream(self._site, thing, measurement, (named,)), received_at_ms, (value,))

    def _take_sparkplug(
        self, route: Route, name: str, payload: bytes, received_at_ms: int
    ) -> list[Rebirth]:
        rows, rebirths = self.sparkplug.take(name, payload, received_at_ms)
        measurement = field_name(route.measurement.of(name.split("/"))) or "sparkplug"
        for row in rows:
            stream = Stream(self._site, row.thing, measurement, row.fields)
            self._append(stream, row.at_ms, row.values)
        return rebirths

    def _names(self, route: Route, name: str) -> tuple[str, str]:
        levels = name.split("/")
        thing = part_name(self._gateway, route.thing.of(levels))
        measurement = field_name(route.measurement.of(levels))
        if not thing or not measurement:
            raise MessageError("name", f"topic {name} names no thing or no measurement")
        return thing, measurement

    def _keep_rows(self, batch: Batch) -> None:
        stream = Stream(
            batch.site, batch.thing, batch.measurement, tuple(one.name for one in batch.columns)
        )
        columns = [real_values(one) for one in batch.columns]
        for at_ms, row in zip(batch.times_ms, zip(*columns, strict=True), strict=True):
            self._append(stream, at_ms, row)

    def _append(self, stream: Stream, at_ms: int, row: Sequence[Value]) -> None:
        self._outbox.append(stream, at_ms, row)
        self.samples += 1
        values = dict(zip(stream.fields, row, strict=True))
        self._note(stream.thing, stream.measurement, at_ms, values)

    def _note(self, thing: str, measurement: str, at_ms: int, values: Mapping[str, Value]) -> None:
        key = (thing, measurement)
        if key not in self.latest and len(self.latest) >= LATEST_MAX:
            return
        newest = self.latest.setdefault(key, Newest())
        if at_ms < newest.at_ms:
            return  # it comes late, out of an outage
        newest.at_ms = at_ms
        for name, value in values.items():
            if name in newest.values or len(newest.values) < limits.COLUMNS_MAX:
                newest.values[name] = value


def _value(payload: bytes) -> Value:
    """Return the number, truth or text that a payload is."""
    if len(payload) > _VALUE_BYTES_MAX:
        raise MessageError("payload", f"{len(payload)} bytes, {_VALUE_BYTES_MAX} at most")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise MessageError("payload", f"no UTF-8: {error.reason}") from error
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        if not text:
            raise MessageError("payload", "it is empty") from None
        return text
    return number if number - number == 0 else None
