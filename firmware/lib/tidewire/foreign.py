"""Read the payloads of devices that know nothing of batches.

Flow: record -> [decode] -> rows
Taken, by the first byte: `{` flat JSON (`flat`), `[` SenML in JSON, 0x80 to 0x9f SenML in
CBOR (`senml`). CPython only; a board neither needs nor ships these three files.

Numbers are always floats here, 21 as much as 21.5: a field would else change its type in
the store whenever a reading happens to be whole. Their columns are DECIMAL or FLOAT.
"""

import json

from tidewire.batch import Batch
from tidewire.cbor_reader import read
from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.flat import flat_values
from tidewire.limits import (
    COLUMNS_MAX,
    PAYLOAD_BYTES_MAX,
    SAMPLES_MAX,
    TEXT_BYTES_MAX,
    TIME_MS_MAX,
    VALUES_MAX,
)
from tidewire.names import check_measurement, check_site, check_thing
from tidewire.read_errors import WireTruncatedError
from tidewire.senml import senml_values
from tidewire.values import column_of


def decode(payload: bytes, site: str, thing: str, measurement: str, received_at_ms: int) -> Batch:
    """Return the Batch of a SenML or flat JSON payload, its boot and sequence None.

    `site`, `thing` and `measurement` come from the topic. `received_at_ms` is the time of
    values that have none, and what SenML's relative times count from. Raises WireError.
    """
    payload = bytes(payload)
    if not payload:
        raise WireTruncatedError(1, 0)
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise WireLimitError("payload bytes", len(payload), PAYLOAD_BYTES_MAX)
    first = payload[:1]
    if first == b"{":
        values = flat_values(_json(payload), received_at_ms)
    elif first == b"[":
        values = senml_values(_json(payload), received_at_ms)
    elif 0x80 <= payload[0] <= 0x9F:
        values = senml_values(read(payload), received_at_ms)
    else:
        raise WireMalformedError(f"no known payload begins with 0x{payload[0]:02x}")
    samples = _samples(values)
    names = list(dict.fromkeys(name for fields in samples.values() for name in fields))
    if not names:
        raise WireMalformedError("the payload has no values")
    for what, size, limit in (
        ("samples", len(samples), SAMPLES_MAX),
        ("columns", len(names), COLUMNS_MAX),
        ("values", len(samples) * len(names), VALUES_MAX),
    ):
        if size > limit:
            raise WireLimitError(what, size, limit)
    times_ms = sorted(samples)
    columns = [column_of(name, [samples[t].get(name) for t in times_ms]) for name in names]
    site, thing = check_site(site), check_thing(thing)
    return Batch(site, thing, check_measurement(measurement), None, None, times_ms, columns)


def _samples(values: list[tuple[int, str, object]]) -> dict[int, dict[str, object]]:
    """Group (time in ms, field, value) by time."""
    samples: dict[int, dict[str, object]] = {}
    for time_ms, field, value in values:
        if not 0 <= time_ms <= TIME_MS_MAX:
            raise WireLimitError("time", time_ms, TIME_MS_MAX if time_ms > 0 else 0)
        if isinstance(value, str):
            _check_text(field, value)
        fields = samples.setdefault(time_ms, {})
        if field in fields:
            raise WireMalformedError(f"{field} has two values at {time_ms} ms")
        fields[field] = value
    return samples


def _check_text(field: str, text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeError:
        raise WireMalformedError(f"{field} has a lone surrogate") from None
    if size > TEXT_BYTES_MAX:
        raise WireLimitError("text bytes", size, TEXT_BYTES_MAX)


def _json(payload: bytes) -> object:
    """Return the JSON value, its numbers all floats, refusing what RFC 8259 does not have."""
    try:
        return json.loads(
            payload.decode(),
            parse_int=float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise WireMalformedError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a member twice")
    return members
