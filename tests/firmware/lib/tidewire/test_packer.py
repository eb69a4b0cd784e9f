"""A block comes back whole and is as small as its modes promise."""

import random
import tracemalloc
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.lib.tidewire.strategies import integer_lists, integers
from tidewire import WireMalformedError
from tidewire.packer import DELTA, INDEXED, RICE, pack, pack_bits
from tidewire.unpacker import unpack, unpack_bits

DICE = random.Random(7)
MODES = {
    "constant": ([7] * 60, 0),
    "regular": ([5 + 600_000 * i for i in range(60)], DELTA),
    "noise": ([round(DICE.gauss(1000, 90)) for _ in range(60)], RICE),
    "walk": (list(accumulate(round(DICE.gauss(0, 9)) for _ in range(60))), DELTA | RICE),
    "levels": ([DICE.choice([3, 1_000_003, 5_000_012]) for _ in range(60)], INDEXED),
    "uniform": ([i * 37 % 64 for i in range(60)], 0),
}


@given(st.integers(1, 70).flatmap(integer_lists))
def test_a_block_comes_back(values: list[int]) -> None:
    block = bytes(pack(values))
    assert unpack(block, len(values)) == values


@given(st.lists(integers, min_size=1, max_size=70))
def test_a_block_of_wild_integers_costs_little_more_than_they_do(values: list[int]) -> None:
    assert len(pack(values)) <= 24 + 8.4 * len(values)


@given(st.lists(st.integers(0, 1), max_size=70))
def test_bits_come_back(bits: list[int]) -> None:
    assert unpack_bits(bytes(pack_bits(bits)), len(bits)) == bits


@pytest.mark.parametrize("case", MODES)
def test_each_kind_of_signal_takes_its_mode(case: str) -> None:
    values, mode = MODES[case]
    block = pack(values)
    assert block[0] == INDEXED if mode == INDEXED else block[0] & (RICE | DELTA) == mode
    assert unpack(bytes(block), len(values)) == values


def test_a_regular_period_costs_no_bits() -> None:
    assert len(pack([600_000 * i for i in range(60)])) == len(pack([600_000 * i for i in range(6)]))


def test_a_step_of_ten_costs_what_a_step_of_one_costs() -> None:
    dice = random.Random(3)
    values = [dice.randint(0, 60) for _ in range(60)]
    assert len(pack([10 * value for value in values])) - len(pack(values)) <= 2


def test_an_outlier_costs_its_own_bits_only() -> None:
    quiet = [i * i % 3 for i in range(60)]
    assert len(pack([*quiet, 1_000_000])) <= len(pack(quiet)) + 60 * 2


@given(st.integers(1, 70).flatmap(integer_lists), st.data())
def test_a_block_cut_or_lengthened_is_malformed(values: list[int], data: st.DataObject) -> None:
    block = bytes(pack(values))
    with pytest.raises(WireMalformedError):
        unpack(block[: data.draw(st.integers(0, len(block) - 1))], len(values))
    with pytest.raises(WireMalformedError):
        unpack(block + b"\0", len(values))


@given(st.binary(max_size=60), st.integers(0, 100))
def test_random_bytes_are_a_block_of_the_count_or_malformed(data: bytes, count: int) -> None:
    try:
        values = unpack(data, count)
    except WireMalformedError:
        return
    assert len(values) == count
    assert unpack(bytes(pack(values)), count) == values


@pytest.mark.parametrize("block", ["3f ff ff ff ff 0f 00 00", "80 00 00", "3e 00 00", "bf 00 00"])
def test_a_few_bytes_cannot_claim_much_memory(block: str) -> None:
    tracemalloc.start()
    with pytest.raises(WireMalformedError):
        unpack(bytes.fromhex(block), 4096)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000
