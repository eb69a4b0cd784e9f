"""Every value is read, none twice, and in no more requests than answers are long."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tidegate.s7.address import S7Address, parse_address
from tidegate.s7.planner import ANSWER_OVERHEAD_BYTES, GAP_BYTES_MAX, blocks_of

ADDRESSES = st.builds(
    S7Address,
    area=st.sampled_from(["DB", "MK"]),
    block=st.integers(0, 2),
    byte=st.integers(0, 2000),
    kind=st.sampled_from(["REAL", "INT", "BOOL", "LREAL"]),
)


@given(st.lists(ADDRESSES, max_size=60), st.sampled_from([240, 480, 960]))
def test_blocks_hold_every_value_and_fit_an_answer(addresses: list[S7Address], pdu: int) -> None:
    blocks = blocks_of(addresses, pdu)
    places = [place for block in blocks for place in block.places]
    assert sorted(places) == list(range(len(addresses)))
    for block in blocks:
        assert block.size_bytes <= pdu - ANSWER_OVERHEAD_BYTES
        for place in block.places:
            one = addresses[place]
            assert (one.area, one.block) == (block.area, block.number)
            assert block.start <= one.byte
            assert one.byte + one.size_bytes <= block.start + block.size_bytes


@given(st.lists(ADDRESSES, min_size=1, max_size=60))
def test_two_blocks_are_never_such_that_one_would_do(addresses: list[S7Address]) -> None:
    blocks = blocks_of(addresses, 240)
    for first, second in itertools.pairwise(blocks):
        if (first.area, first.number) == (second.area, second.number):
            gap = second.start - (first.start + first.size_bytes)
            whole = (
                second.start
                + max(addresses[place].size_bytes for place in second.places[:1])
                - first.start
            )
            assert gap > GAP_BYTES_MAX or whole > 240 - ANSWER_OVERHEAD_BYTES


def test_a_thousand_reals_take_as_many_requests_as_their_bytes_do() -> None:
    addresses = [parse_address(f"DB1.DBD{4 * number}:REAL") for number in range(1000)]
    assert len(blocks_of(addresses, 480)) == -(-4000 // (480 - ANSWER_OVERHEAD_BYTES - 2))
