"""Write a batch as bytes; SPEC.md has the format.

Flow: batcher -> [encode] -> outbox
Runs alike on CPython and MicroPython, byte for byte. Needs neither decoder nor foreign, and
what only columns of other kinds than numbers of integers need when the first of them comes.
"""

from tidewire.batch import Batch
from tidewire.cbor_writer import ARRAY, MAP, write_bytes, write_head, write_integer, write_text
from tidewire.column import DECIMAL, INTEGER, Column
from tidewire.errors import WireLimitError, WireMalformedError
from tidewire.limits import (
    COLUMNS_MAX,
    COUNTER_MAX,
    DECIMALS_MAX,
    INTEGER_MAX,
    INTEGER_MIN,
    PAYLOAD_BYTES_MAX,
    SAMPLES_MAX,
    TIME_MS_MAX,
    VALUES_MAX,
)
from tidewire.names import check_field, check_measurement, check_site, check_thing
from tidewire.packer import pack, pack_bits

VERSION = 1
# Keys of the map.
(
    KEY_VERSION,
    KEY_SITE,
    KEY_THING,
    KEY_MEASUREMENT,
    KEY_BOOT,
    KEY_SEQUENCE,
    KEY_TIME,
    KEY_COUNT,
    KEY_TIMES,
    KEY_COLUMNS,
) = range(10)
_NAMES_BACK_MAX = 4  # the format allows 9; further back rarely shares more


def encode(batch: Batch) -> bytes:
    """Return the payload of `batch`.

    Raises WireLimitError for a size or number outside `tidewire.limits`, WireMalformedError
    for a wrong name, a value of another type than its column's kind, times that descend,
    or a batch without boot and sequence.
    """
    times_ms, columns = batch.times_ms, batch.columns
    count = len(times_ms)
    _check_shape(count, columns)
    _check_times(times_ms)
    out = bytearray()
    write_head(out, MAP, 10)
    write_integer(out, KEY_VERSION)
    write_integer(out, VERSION)
    for key, text in (
        (KEY_SITE, check_site(batch.site)),
        (KEY_THING, check_thing(batch.thing)),
        (KEY_MEASUREMENT, check_measurement(batch.measurement)),
    ):
        write_integer(out, key)
        write_text(out, text)
    for key, number in (
        (KEY_BOOT, _checked_int("boot", batch.boot, 0, COUNTER_MAX)),
        (KEY_SEQUENCE, _checked_int("sequence", batch.sequence, 0, COUNTER_MAX)),
        (KEY_TIME, times_ms[0]),
        (KEY_COUNT, count),
    ):
        write_integer(out, key)
        write_integer(out, number)
    write_integer(out, KEY_TIMES)
    write_bytes(out, pack([time_ms - times_ms[0] for time_ms in times_ms]))
    write_integer(out, KEY_COLUMNS)
    write_head(out, ARRAY, len(columns))
    names: list[str] = []
    for column in columns:
        name = check_field(column.name)
        if name in names:
            raise WireMalformedError("field %r is there twice" % name)
        _write_column(out, column, count, _shortened(name, names))
        names.append(name)
    if len(out) > PAYLOAD_BYTES_MAX:
        raise WireLimitError("payload bytes", len(out), PAYLOAD_BYTES_MAX)
    return bytes(out)


def _check_shape(count: int, columns: list[Column]) -> None:
    for what, value, limit in (
        ("samples", count, SAMPLES_MAX),
        ("columns", len(columns), COLUMNS_MAX),
        ("values", count * len(columns), VALUES_MAX),
    ):
        if value > limit:
            raise WireLimitError(what, value, limit)
        if not value:
            raise WireMalformedError("a batch has no %s" % what)


def _check_times(times_ms: list[int]) -> None:
    before_ms = 0
    for time_ms in times_ms:
        _checked_int("time", time_ms, 0, TIME_MS_MAX)
        if time_ms < before_ms:
            raise WireMalformedError("time %s is after %s" % (time_ms, before_ms))
        before_ms = time_ms


def _checked_int(what: str, value: object, low: int, high: int) -> int:
    if type(value) is not int:  # bool is no number here
        raise WireMalformedError("%s is not an integer: %s" % (what, type(value)))
    if not low <= value <= high:
        raise WireLimitError(what, value, low if value < low else high)
    return value


def _shortened(name: str, names: list[str]) -> str:
    """Return `name`, or how far back and how much of an earlier name it repeats, and the rest."""
    best, kept = name, 2  # what is shared has to win more than the two characters cost
    for back in range(1, min(len(names), _NAMES_BACK_MAX) + 1):
        earlier = names[-back]
        shared = 0
        # Not character by character: a board would keep each as a name, for ever.
        while shared < len(name) and earlier.startswith(name[: shared + 1]):
            shared += 1
        if shared > kept:
            best, kept = "%d%c%s" % (back, 48 + shared, name[shared:]), shared
    return best


def _write_column(out: bytearray, column: Column, count: int, name: str) -> None:
    if len(column.values) != count:
        raise WireMalformedError(
            "%s has %d values of %d" % (column.name, len(column.values), count)
        )
    _checked_int("decimals", column.decimals, 0, DECIMALS_MAX if column.kind == DECIMAL else 0)
    values = column.values
    if None in values:
        values = [value for value in values if value is not None]
    write_head(out, ARRAY, 3 if len(values) == count else 4)
    write_text(out, name)
    write_integer(out, column.decimals if column.kind == DECIMAL else column.kind)
    if column.kind in (DECIMAL, INTEGER):
        for value in values:
            _checked_int(column.name, value, INTEGER_MIN, INTEGER_MAX)
        write_bytes(out, pack(values))
    else:
        from tidewire.other_kinds import write_values

        write_values(out, column, values)
    if len(values) != count:
        write_bytes(out, pack_bits([1 if value is None else 0 for value in column.values]))
