"""Unpack the blocks that `packer` makes; SPEC.md, "Block", has the layout.

Bounded: the caller gives the count; no list is longer than that, and no integer longer
than the block.
"""

try:
    from itertools import accumulate
except ImportError:  # MicroPython

    def accumulate(numbers, initial):  # type: ignore[no-untyped-def,no-redef]  # as itertools has it
        """Yield `initial`, then the running sum after each number."""
        yield initial
        for number in numbers:
            initial += number
            yield initial


from tidewire.errors import WireMalformedError
from tidewire.limits import INTEGER_MAX, INTEGER_MIN
from tidewire.packer import DELTA, INDEXED, RICE

_UVARINT_BYTES_MAX = 10


def unpack(data: bytes, count: int) -> list[int]:
    """Return the `count` integers of the block that fills `data`.

    Raises WireMalformedError for a block of another length or against the layout.
    """
    if not count:
        if data:
            raise WireMalformedError("a block of no values has bytes")
        return []
    if data and data[0] == INDEXED:
        distinct_count, at = _uvarint(data, 1)
        if not 0 < distinct_count <= count:
            raise WireMalformedError(f"{distinct_count} distinct values among {count}")
        distinct, at = _block(data, at, distinct_count)
        indices, at = _block(data, at, count)
        if min(indices) < 0 or max(indices) >= distinct_count:
            raise WireMalformedError("an index is outside the distinct values")
        values = [distinct[index] for index in indices]
    else:
        values, at = _block(data, 0, count)
    if at != len(data):
        raise WireMalformedError(f"{len(data) - at} bytes after the end of a block")
    if min(values) < INTEGER_MIN or max(values) > INTEGER_MAX:
        raise WireMalformedError("a value does not fit in 64 bits")
    return values


def unpack_bits(data: bytes, count: int) -> list[int]:
    """Return the `count` bits, 0 or 1, that fill `data`, the first in the highest bit."""
    bits, at = _fixed(data, 0, count, 1)
    if at != len(data):
        raise WireMalformedError(f"{len(data)} bytes hold {count} bits")
    return bits


def _block(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Return the values of the block at offset `at`, not indexed, and the offset after it."""
    if at >= len(data):
        raise WireMalformedError("a block has no mode")
    mode = data[at]
    rice, delta, k = mode & RICE, mode & DELTA, mode & 63
    if k == 63 and not rice:
        raise WireMalformedError(f"block mode 0x{mode:02x} is unknown here")
    head, at = _uvarint(data, at + 1)
    base, step, low = _signed(head >> 1), 1, 0
    if head & 1:
        step, at = _uvarint(data, at)
        if step < 2:
            raise WireMalformedError(f"a block's step is {step}")
    if delta and not rice:
        low, at = _uvarint(data, at)
        low = _signed(low)
    numbers, at = _fixed(data, at, count - 1 if delta else count, k)
    if rice:
        numbers, at = _with_quotients(data, at, numbers, k, step)
    elif low or step > 1:
        numbers = [(low + number) * step for number in numbers]
    if delta:
        return list(accumulate(numbers, initial=base)), at
    return [base + number for number in numbers], at


def _fixed(data: bytes, at: int, count: int, width: int) -> tuple[list[int], int]:
    """Return `count` numbers of `width` bits and the offset after their padding."""
    if not width or not count:
        return [0] * count, at
    end = at + (count * width + 7) // 8
    if end > len(data):
        raise WireMalformedError(f"{count} numbers of {width} bits in {len(data) - at} bytes")
    if width == 8:
        return list(data[at:end]), end
    # Eight numbers fill `width` bytes: integers stay short however long the block is.
    mask, shifts = (1 << width) - 1, range(7 * width, -1, -width)
    whole = at + count // 8 * width
    groups = [int.from_bytes(data[i : i + width], "big") for i in range(at, whole, width)]
    numbers = [group >> shift & mask for group in groups for shift in shifts]
    if whole != end:
        group = int.from_bytes(data[whole:end], "big") << 8 * (width - end + whole)
        numbers.extend([group >> shift & mask for shift in shifts[: count % 8]])
        if group & (1 << shifts[count % 8 - 1]) - 1:
            raise WireMalformedError("padding is not zero")
    return numbers, end


def _with_quotients(
    data: bytes, at: int, lows: list[int], k: int, step: int
) -> tuple[list[int], int]:
    """Return the distances of the numbers that have `lows`, and the offset after the quotients."""
    count = len(lows)
    # As text of zeros and ones, after a one that keeps the leading zeros: the runs of
    # zeros between ones are the quotients, and str.split finds them at the speed of C.
    text = bin(int.from_bytes(b"\x01" + data[at:], "big"))[3:]
    runs = text.split("1", count)
    if len(runs) != count + 1:
        raise WireMalformedError(f"{len(runs) - 1} quotients of {count}")
    used_bits = len(text) - len(runs[count])
    end = (used_bits + 7) // 8
    if "1" in runs[count][: end * 8 - used_bits]:
        raise WireMalformedError("padding is not zero")
    # zip() ends with `lows`, which is one shorter: the run after the last one is no number.
    return [
        ((number := len(run) << k | low) >> 1 ^ -(number & 1)) * step
        for run, low in zip(runs, lows)  # noqa: B905  # MicroPython has no strict=
    ], at + end


def _uvarint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for end in range(at, min(len(data), at + _UVARINT_BYTES_MAX)):
        byte = data[end]
        number |= (byte & 127) << shift
        if byte < 128:
            if not byte and shift:
                raise WireMalformedError("a varint is longer than it needs to be")
            return number, end + 1
        shift += 7
    raise WireMalformedError("a varint has no end")


def _signed(number: int) -> int:
    return number >> 1 ^ -(number & 1)
