"""Which bytes to read for a group: neighbours together, within what one answer holds.

A request costs a round trip, a byte next to nothing: so gaps up to `gap_bytes_max` are read along.
Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.s7.address import S7Address

GAP_BYTES_MAX = 64  # some 0.05 ms of a 10 Mbit/s bus, against milliseconds of a request
ANSWER_OVERHEAD_BYTES = 18  # of the negotiated PDU: header, parameters, item


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes to read in one request; `places` are the positions of the addresses in them."""

    area: str
    number: int
    start: int
    size_bytes: int
    places: tuple[int, ...]

    def __str__(self) -> str:
        name = f"DB{self.number}" if self.area == "DB" else self.area
        return f"{name} bytes {self.start} to {self.start + self.size_bytes - 1}"


def blocks_of(
    addresses: Sequence[S7Address], pdu_bytes: int, gap_bytes_max: int = GAP_BYTES_MAX
) -> list[Block]:
    """Return the fewest requests that read `addresses`.

    One value longer than an answer is a block of its own; the library splits it.
    """
    most = pdu_bytes - ANSWER_OVERHEAD_BYTES
    order = sorted(
        range(len(addresses)),
        key=lambda place: (addresses[place].area, addresses[place].block, addresses[place].byte),
    )
    blocks: list[Block] = []
    for place in order:
        address = addresses[place]
        end = address.byte + address.size_bytes
        if blocks:
            last = blocks[-1]
            last_end = last.start + last.size_bytes
            if (
                (last.area, last.number) == (address.area, address.block)
                and address.byte - last_end <= gap_bytes_max
                and max(end, last_end) - last.start <= most
            ):
                size_bytes = max(end, last_end) - last.start
                blocks[-1] = Block(
                    last.area, last.number, last.start, size_bytes, (*last.places, place)
                )
                continue
        blocks.append(
            Block(address.area, address.block, address.byte, address.size_bytes, (place,))
        )
    return blocks
