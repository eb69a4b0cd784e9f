"""The quick writer against tidewire's own reader, and against its small writer."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.quick_encoder import quick_encode
from tidegate.quick_packer import quick_column, quick_pack
from tidewire import Batch, column_of, decode, real_values
from tidewire.packer import pack
from tidewire.unpacker import unpack

wide = st.integers(-(1 << 63), (1 << 63) - 1)
values = st.one_of(
    st.lists(wide, max_size=40),
    st.lists(st.integers(-9, 9), max_size=200),
    st.lists(st.integers(-500, 500).map(lambda number: number * 250 + 7), max_size=60),
    st.lists(st.sampled_from([0, 1, 40_000, -70_000]), max_size=60),
    st.builds(lambda start, step, count: list(range(start, start + step * count, step)),
              wide.filter(lambda n: abs(n) < 1 << 60), st.integers(1, 60_000), st.integers(0, 90)),
)  # fmt: skip


@given(values)
def test_tidewires_reader_reads_every_block(numbers: list[int]) -> None:
    assert unpack(bytes(quick_pack(list(numbers))), len(numbers)) == numbers


@pytest.mark.parametrize("sigma", [0.3, 2, 30, 1e6])
@pytest.mark.parametrize("walk", [True, False])
@pytest.mark.parametrize("outliers", [0.0, 0.02])
def test_a_block_is_little_larger_than_the_smallest(
    sigma: float, walk: bool, outliers: float
) -> None:
    dice = random.Random(4)
    quick = small = 0
    for _ in range(30):
        level, series = 0, []
        for _ in range(60):
            noise = round(dice.gauss(0, sigma))
            level = level + noise if walk else noise
            series.append(level + (round(500 * sigma) if dice.random() < outliers else 0))
        quick += len(quick_pack(series))
        small += len(pack(series))
    assert quick <= small * 1.5


rows = st.lists(st.floats() | st.integers(-10_000, 10_000).map(lambda n: n / 100), min_size=1)
anything = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-9, 9)), min_size=1
)


@given(st.one_of(rows, anything))
def test_a_column_is_the_one_that_tidewire_makes(series: list[Any]) -> None:
    ours, theirs = quick_column("x", list(series)), column_of("x", list(series))
    assert ours[:3] == theirs[:3]
    assert repr(real_values(ours)) == repr(real_values(theirs))


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=50))
def test_a_batch_with_quick_blocks_is_decoded_as_it_was(numbers: list[int]) -> None:
    times_ms = [1_790_000_000_000 + 1_000 * place for place in range(len(numbers))]
    columns = [quick_column("a", [number / 10 for number in numbers]), column_of("b", numbers)]
    batch = Batch("site", "gw-1", "m", 1, 2, times_ms, columns)
    assert decode(quick_encode(batch)) == batch
