"""Turn records into rows and ledger entries, or say why not.

Flow: Kinesis -> ingest -> [pipeline] -> store | quarantine
Pure: bytes and times in, rows and reasons out. One poison record never stops the others.
Bounded by what comes in: a batch unpacks to `tidewire.limits.VALUES_MAX` values at most.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import cast

from tidecloud.aggregate import is_aggregated, parts_of
from tidecloud.errors import GatewaysBusyError, RecordError
from tidecloud.gateways import EveryGateway, Gateways
from tidecloud.ledger import LedgerEntry
from tidecloud.record import Record, open_envelope
from tidecloud.rows import Rows, Value
from tidewire import (
    FLOAT,
    TEXT,
    Batch,
    Column,
    WireError,
    decode,
    real_values,
)
from tidewire.foreign import decode as decode_foreign
from tidewire.topic import parse as parse_topic

FUTURE_MS_MAX = 10 * 60 * 1000  # a clock that far ahead was never set right
PAST_AT_MS_MIN = 946_684_800_000  # 2000-01-01: the epoch of a board whose clock was never set
# Samples of one millisecond are kept apart by whole microseconds, so there is room for these.
SAMPLES_PER_MS_MAX = 1000

_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that became rows; `position` is its place among the records of the event."""

    position: int
    record: Record
    rows: Rows
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that can't be stored, with the reason (a slug) and the error's text."""

    position: int
    record: Record
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Again:
    """A record that can't be judged now: it, and all behind it, must come again."""

    position: int
    detail: str


def process(
    records: Sequence[Record], stored_at_ms: int, gateways: Gateways | None = None
) -> Iterator[Accepted | Aside | Again]:
    """Yield what becomes of each record, in order; an aggregated record yields once per part.

    Ends with an `Again` where `gateways` can't be asked.
    """
    gateways = gateways or EveryGateway()
    for position, record in enumerate(records):
        try:
            parts = parts_of(record) if is_aggregated(record.data) else [record]
        except RecordError as error:
            yield Aside(position, record, error.reason, str(error))
            continue
        for part in parts:
            outcome = _outcome(position, part, stored_at_ms, gateways)
            yield outcome
            if isinstance(outcome, Again):
                return


def _outcome(
    position: int, record: Record, stored_at_ms: int, gateways: Gateways
) -> Accepted | Aside | Again:
    try:
        batch, received_at_ms = _batch_of(record, gateways)
        rows, entry = _rows_of(batch, received_at_ms, stored_at_ms)
    except RecordError as error:
        return Aside(position, record, error.reason, str(error))
    except WireError as error:
        return Aside(position, record, "payload", f"{type(error).__name__}: {error}")
    except GatewaysBusyError as error:
        return Again(position, str(error))
    except Exception as error:  # a bug of ours must not stop the shard: the reason shows it
        return Aside(position, record, "crash", f"{type(error).__name__}: {error}")
    return Accepted(position, record, rows, entry)


def _batch_of(record: Record, gateways: Gateways) -> tuple[Batch, int]:
    """Return the batch in a record and when the cloud received it."""
    data = record.data
    if not data:
        raise RecordError("envelope", "the record is empty")
    if data[0] == ord("{"):
        envelope = open_envelope(data)
        return _from_board(envelope.client, envelope.topic, envelope.payload,
                           envelope.received_at_ms), envelope.received_at_ms  # fmt: skip
    if _is_batch(data):
        return _from_gateway(record, gateways), record.arrived_at_ms
    raise RecordError("envelope", f"neither an envelope nor a batch: begins with 0x{data[0]:02x}")


def _from_board(client: str, topic_text: str, payload: bytes, received_at_ms: int) -> Batch:
    """Decode a payload of MQTT; who it is from is what the broker says, never what it says."""
    try:
        site, thing, measurement = parse_topic(topic_text)
    except WireError as error:
        raise RecordError("topic", str(error)) from error
    if thing != client:
        raise RecordError("identity", f"client {client!r} published under the thing {thing!r}")
    if not _is_batch(payload):
        return decode_foreign(payload, site, thing, measurement, received_at_ms)
    batch = decode(payload)
    if (batch.site, batch.thing, batch.measurement) != (site, thing, measurement):
        said = f"{batch.site}/{batch.thing}/{batch.measurement}"
        raise RecordError("identity", f"the batch says {said}, its topic {topic_text!r}")
    return batch


def _from_gateway(record: Record, gateways: Gateways) -> Batch:
    """Decode a batch that was put on the stream itself, which IAM grants to gateways only.

    IAM vouches for it that a gateway wrote; its partition key says which, and the list of
    gateways for what things it speaks. It keeps the batches of a gateway in order, too.
    """
    batch, gateway = decode(record.data), record.partition_key
    if not gateways.speaks_for(gateway, batch.thing):
        raise RecordError(
            "identity",
            f"a batch of {batch.thing!r} came by {gateway!r}, which is not listed as a gateway"
            " that speaks for it",
        )
    return batch


def _is_batch(payload: bytes) -> bool:
    return bool(payload) and 0xA0 <= payload[0] <= 0xBF  # noqa: PLR2004  a CBOR map


def _rows_of(
    batch: Batch, received_at_ms: int, stored_at_ms: int
) -> tuple[Rows, LedgerEntry]:  # fmt: skip
    times_ms: list[int] = batch.times_ms
    _check_times(times_ms, received_at_ms)
    times_ns = _apart([time_ms * _NS_PER_MS for time_ms in times_ms])
    fields: dict[str, Sequence[Value | None]] = {}
    not_finite = 0
    for column in batch.columns:
        values, dropped = _values_of(column)
        not_finite += dropped
        fields[column.name] = values
    kept = _samples_with_a_value(fields, len(times_ns))
    if kept is not None:
        times_ns = list(compress(times_ns, kept))
        fields = {name: list(compress(values, kept)) for name, values in fields.items()}
    if not times_ns or not fields:
        raise RecordError("empty", "no sample has a value")
    rows = Rows(batch.thing, batch.site, batch.measurement, times_ns, fields)
    entry = LedgerEntry(
        thing=batch.thing,
        measurement=batch.measurement,
        boot=batch.boot,
        sequence=batch.sequence,
        time_ns=times_ms[0] * _NS_PER_MS,
        samples=len(times_ns),
        samples_empty=len(times_ms) - len(times_ns),
        values_not_finite=not_finite,
        last_time_ms=times_ms[-1],
        received_at_ms=received_at_ms,
        stored_at_ms=stored_at_ms,
    )
    return rows, entry


def _check_times(times_ms: Sequence[int], received_at_ms: int) -> None:
    if not times_ms:
        raise RecordError("empty", "the batch has no samples")
    first_ms, last_ms = min(times_ms), max(times_ms)
    if last_ms > received_at_ms + FUTURE_MS_MAX:
        ahead_ms = last_ms - received_at_ms
        raise RecordError(
            "future-clock",
            f"a sample is {ahead_ms} ms ahead of its arrival, at most {FUTURE_MS_MAX}",
        )
    if first_ms < PAST_AT_MS_MIN:
        raise RecordError("unset-clock", f"a sample is at {first_ms} ms, before 2000-01-01")


def _apart(times_ns: list[int]) -> list[int]:
    """Move samples of the same instant a microsecond apart each.

    A store keys samples by their time: of two at one instant it would keep one. The same batch
    always gets the same times, so a redelivery still lands on itself.
    """
    if len(set(times_ns)) == len(times_ns):
        return times_ns
    apart, repeats = [], 0
    for index, time_ns in enumerate(times_ns):
        repeats = repeats + 1 if index and time_ns == times_ns[index - 1] else 0
        if repeats >= SAMPLES_PER_MS_MAX:
            raise RecordError("limit", f"more than {SAMPLES_PER_MS_MAX} samples at one instant")
        apart.append(time_ns + repeats * _NS_PER_US)
    return apart


def _values_of(column: Column) -> tuple[Sequence[Value | None], int]:
    """Return a column's values fit for a store, and how many of them were not finite."""
    values: list[Value | None] = column.values
    if column.kind == FLOAT:
        return _finite(values)
    if column.kind == TEXT:
        _check_texts(column.name, values)
        return values, 0
    return cast(list[Value | None], real_values(column)), 0


def _finite(values: list[Value | None]) -> tuple[Sequence[Value | None], int]:
    """Replace NaN and infinities, which no store takes, by missing values, and count them.

    A sensor that fails in one field must not cost the others of its sample.
    """
    try:
        if all(map(math.isfinite, values)):  # type: ignore[arg-type]  # a text or None raises TypeError
            return values, 0
    except TypeError:  # a missing value among them
        pass
    kept = [value if _is_finite(value) else None for value in values]
    return kept, kept.count(None) - values.count(None)


def _is_finite(value: Value | None) -> bool:
    return value is not None and math.isfinite(value)  # type: ignore[arg-type]  # a text or None raises TypeError


def _check_texts(name: str, values: Iterable[Value | None]) -> None:
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError as error:
        raise RecordError("payload", f"{name}: half a character of UTF-16 in a text") from error


def _samples_with_a_value(
    fields: dict[str, Sequence[Value | None]], samples: int
) -> list[bool] | None:
    """Return which samples have a value, or `None` when all have; fields without any go."""
    for name in [name for name, values in fields.items() if values[0] is None]:
        if fields[name].count(None) == samples:
            del fields[name]
    if any(None not in values for values in fields.values()):  # most often the first
        return None
    samples_kept = [
        any(value is not None for value in sample) for sample in zip(*fields.values(), strict=True)
    ]
    return None if all(samples_kept) else samples_kept
