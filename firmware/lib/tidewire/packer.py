"""Pack a list of integers into a block; SPEC.md, "Block", has the layout.

Flow: values -> [the cheapest of a few plans] -> bytes
Bounded: beside `values` one list of their length is held at a time and changed in place; a
board has no room for a list of each plan. Only the cheapest plan is written.
"""

RICE = 0x80  # numbers have a quotient in unary and k low bits; without it all have k bits
DELTA = 0x40  # numbers are differences of neighbours; without it distances from the base
INDEXED = 0x3F  # a block of the distinct values, then a block of indices into it
WIDTH_MAX = 62  # of numbers without RICE: 63 would read INDEXED, Rice takes what is wider

TYPE_CHECKING = False
if TYPE_CHECKING:
    # (bits of the block, its mode, base, step, low, k); low: of deltas without RICE, the least
    # of them, which each number is a distance from. A namedtuple would cost a board 500 bytes.
    _Plan = tuple[int, int, int, int, int | None, int]


def pack(values: list[int]) -> bytearray:
    """Return the block of `values`, each of 64 bits with sign; of none, no bytes."""
    out = bytearray()
    if not values:
        return out
    plan = _plan(values)
    # A converter of few levels, scaled and rounded, gives few values without a common step.
    distinct = _distinct(values)
    if 2 < len(distinct) <= len(values) // 2:
        index = {distinct[i]: i for i in range(len(distinct))}
        indices = [index[value] for value in values]
        levels, places = _plan(distinct), _plan(indices)
        if 8 + _uvarint_bits(len(distinct)) + levels[0] + places[0] < plan[0]:
            out.append(INDEXED)
            write_uvarint(out, len(distinct))
            _write(out, levels, distinct)
            plan, values = places, indices
    _write(out, plan, values)
    return out


def pack_bits(bits: list[int]) -> bytearray:
    """Return `bits`, the first in the highest bit of the first byte, padded with zeros."""
    out = bytearray()
    _write_fixed(out, bits, 1)
    return out


def write_uvarint(out: bytearray, number: int) -> None:
    """Append `number` (>= 0) in groups of 7 bits, the lowest first; all but the last have 0x80."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _plan(values: list[int]) -> "_Plan":
    first, low, count = values[0], min(values), len(values)
    if max(values) == low:
        return 8 + _uvarint_bits(_zigzag(low) << 1), 0, low, 1, None, 0
    step = _common_step(values)
    numbers = [0] * count
    for i in range(count):
        numbers[i] = (values[i] - low) // step
    mean = sum(numbers) // count
    best = _rice(0, low + mean * step, step, numbers, mean)
    plain = _fixed(0, low, step, None, count=count, highest=max(numbers))
    for i in range(count - 1, 0, -1):
        numbers[i] -= numbers[i - 1]
    numbers.pop(0)  # now they are the deltas
    best = _cheaper(best, _rice(DELTA, first, step, numbers, 0))
    best = _cheaper(best, plain)
    low = min(numbers)
    highest = max(numbers) - low
    return _cheaper(best, _fixed(DELTA, first, step, low, count=count - 1, highest=highest))


def _numbers(plan: "_Plan", values: list[int]) -> list[int]:
    """Return what `plan` writes for `values`."""
    _, mode, base, step, low, _ = plan
    numbers = list(values)
    if mode & DELTA:
        for i in range(len(values) - 1, 0, -1):
            numbers[i] = (numbers[i] - numbers[i - 1]) // step
        numbers.pop(0)
        base, step = low or 0, 1
    for i in range(len(numbers)):
        number = (numbers[i] - base) // step
        numbers[i] = _zigzag(number) if mode & RICE else number
    return numbers


def _distinct(values: list[int]) -> list[int]:
    """Return each of `values` once, sorted; a set would take twice the room."""
    found = sorted(values)
    kept = 1
    for i in range(1, len(found)):
        if found[i] != found[kept - 1]:
            found[kept] = found[i]
            kept += 1
    del found[kept:]
    return found


def _common_step(values: list[int]) -> int:
    """Return the greatest divisor of all distances between the values, which differ."""
    step, first = 0, values[0]
    for value in values:
        other = abs(value - first)
        while other:
            step, other = other, step % other
        if step == 1:
            break
    return step


def _fixed(
    mode: int, base: int, step: int, low: int | None, *, count: int, highest: int
) -> "_Plan | None":
    width = _bits_of(highest)
    if width > WIDTH_MAX:
        return None
    bits = _head_bits(base, step) + (count * width + 7 & ~7)
    if low is not None:
        bits += _uvarint_bits(_zigzag(low))
    return bits, mode, base, step, low, width


def _rice(mode: int, base: int, step: int, numbers: list[int], middle: int) -> "_Plan":
    """Plan for the distances of `numbers` from `middle`."""
    count = len(numbers)
    total = 0
    for i in range(count):
        numbers[i] = _zigzag(numbers[i] - middle)
        total += numbers[i]
    # For what sensors give, the best k is one of the three below the mean's bit length.
    highest = _bits_of(total // count)
    best_bits = best_k = -1
    for k in range(max(0, highest - 2), min(63, highest) + 1):
        bits = count
        for number in numbers:
            bits += number >> k
        bits = (count * k + 7 & ~7) + (bits + 7 & ~7)
        if best_bits < 0 or bits < best_bits:
            best_bits, best_k = bits, k
    for i in range(count):
        number = numbers[i]
        numbers[i] = middle + (~(number >> 1) if number & 1 else number >> 1)
    return _head_bits(base, step) + best_bits, mode | RICE, base, step, None, best_k


def _cheaper(one: "_Plan", other: "_Plan | None") -> "_Plan":
    return one if other is None or one[0] <= other[0] else other


def _write(out: bytearray, plan: "_Plan", values: list[int]) -> None:
    _, mode, base, step, low, k = plan
    numbers = _numbers(plan, values)
    out.append(mode | k)
    write_uvarint(out, _zigzag(base) << 1 | (step > 1))
    if step > 1:
        write_uvarint(out, step)
    if low is not None:
        write_uvarint(out, _zigzag(low))
    if mode & RICE:
        _write_fixed(out, numbers, k)
        _write_unary(out, numbers, k)
    else:
        _write_fixed(out, numbers, k)


def _write_fixed(out: bytearray, numbers: list[int], width: int) -> None:
    """Append the low `width` bits of each number, the highest first; pad with zeros to a byte."""
    if not width:
        return
    pending = have = 0
    mask = (1 << width) - 1
    for number in numbers:
        pending = pending << width | number & mask
        have += width
        while have >= 8:
            have -= 8
            out.append(pending >> have)
            pending &= (1 << have) - 1
    if have:
        out.append(pending << 8 - have)


def _write_unary(out: bytearray, numbers: list[int], k: int) -> None:
    """Append for each number as many zeros as its part above `k` bits says, then a one."""
    pending = have = 0
    for number in numbers:
        have += number >> k
        while have >= 8:
            out.append(pending)
            pending = 0
            have -= 8
        pending |= 0x80 >> have
        have += 1
    if have:
        out.append(pending)


def _zigzag(number: int) -> int:
    """Return 0, 1, 2, 3, 4 for 0, -1, 1, -2, 2, so that small distances are small numbers."""
    return number << 1 if number >= 0 else ~(number << 1)


def _bits_of(number: int) -> int:
    """Return how many bits `number` (>= 0) takes; MicroPython's int has no bit_length."""
    return len(bin(number)) - 2 if number else 0


def _uvarint_bits(number: int) -> int:
    return 8 * max(1, (_bits_of(number) + 6) // 7)


def _head_bits(base: int, step: int) -> int:
    bits = 8 + _uvarint_bits(_zigzag(base) << 1)
    return bits + _uvarint_bits(step) if step > 1 else bits
