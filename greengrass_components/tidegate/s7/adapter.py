"""S7 as the poller sees it: a group is read in the fewest requests, one after the other.

Works with S7-300, 400, 1200, 1500 and LOGO! where PUT/GET is permitted and data blocks are not
"optimized" (their values have no addresses then). A block of which the controller refuses an
address is read value by value from then on, so that one wrong address does not cost its neighbours;
what it does not have is asked for with growing pauses; an error that passes makes a block bad once.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snap7 import Area, AsyncClient
from snap7.datatypes import S7WordLen
from snap7.error import S7Error, S7ProtocolError

from tidegate.adapter import Deliver
from tidegate.breaker import Breaker
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.s7.address import S7Address, S7AddressError, parse_address
from tidegate.s7.errors import S7AdapterError, S7DownError
from tidegate.s7.planner import Block, blocks_of
from tidegate.s7.settings import S7Settings
from tidegate.sample import Sample, Value

log = logging.getLogger("tidegate.s7")
logging.getLogger("snap7").setLevel(logging.WARNING)  # at INFO it tells of every connection

_PDU_BYTES_PLANNED = 240  # what every controller grants; the real one is known when connected
_AREAS = {"DB": Area.DB, "MK": Area.MK, "PE": Area.PE, "PA": Area.PA}
_CLOSE_S_MAX = 2.0
_RETURN_CODE = re.compile(r"\(0x([0-9a-f]{2})\)")
_LASTING = frozenset({0x03, 0x05, 0x06, 0x07, 0x0A})  # not allowed, no such address, type, object


class _BlockRefusedError(S7AdapterError):
    """A block is refused; `is_lasting` where another try of the whole would be refused as well."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        code = _RETURN_CODE.search(text)  # the library tells it in its text only
        self.is_lasting = code is None or int(code[1], 16) in _LASTING


@dataclass(slots=True)
class _Plan:
    addresses: list[S7Address]
    blocks: list[Block]
    pauses: dict[Block, Breaker] = field(default_factory=dict)  # of what is not there


class S7Adapter:
    """The adapter of one controller; `requests` counts what was asked of it."""

    def __init__(
        self,
        settings: S7Settings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests = self.refused = 0
        self._settings, self._clock_ns, self._clock_s = settings, clock_ns, clock_s
        self._dice = random.Random()  # noqa: S311  spread, no secret
        self._client: Any = None
        self._plans: dict[Group, _Plan] = {}

    async def connect(self) -> None:
        """Connect anew; raises `S7AdapterError`."""
        await self.close()
        settings = self._settings
        client = AsyncClient()
        try:
            async with asyncio.timeout(settings.timeout_ms / 1000):
                await client.connect(settings.host, settings.rack, settings.slot, settings.port)
        except (S7Error, OSError, TimeoutError) as error:
            raise S7DownError(
                f"can't connect to {settings.host}:{settings.port} rack {settings.rack}"
                f" slot {settings.slot}: {str(error) or 'no answer'};"
                " is PUT/GET permitted on the controller?"
            ) from error
        self._client = client
        self._plans.clear()  # another PDU may have been granted

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        client, self._client = self._client, None
        if client:
            try:
                async with asyncio.timeout(_CLOSE_S_MAX):
                    await client.disconnect()
            except (S7Error, OSError, TimeoutError):
                pass

    def plan(self, group: Group) -> Sequence[str]:
        """Return a line for each request; raises `S7AddressError` for a wrong address."""
        return [f"read {block}" for block in self._plan(group).blocks]

    async def poll(self, group: Group) -> Sample:
        """Read the group; raises `S7AdapterError` when the controller does not answer."""
        plan = self._plan(group)
        values: list[Value] = [None] * len(group.tags)
        began_ns = self._clock_ns()
        for block in tuple(plan.blocks):
            if block not in plan.pauses or plan.pauses[block].may_try(self._clock_s()):
                await self._read_block(plan, block, group, values)
        ended_ns = self._clock_ns()
        qualities = bytes(Quality.BAD if value is None else Quality.GOOD for value in values)
        middle_ns = (began_ns + ended_ns) // 2
        return Sample(
            group, middle_ns, ended_ns, tuple(values), qualities if any(qualities) else None
        )

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:  # noqa: ARG002  the protocol's
        """Raise `S7AdapterError`: a controller tells no changes."""
        raise S7AdapterError("an S7 controller tells no changes: poll it")

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write a field's value, unscaled; a bit alone, not its byte. Raises `GateError`."""
        wanted = group.tag_to_write(tag, value)
        address = parse_address(wanted.address, wanted.type)
        data = address.encode(wanted.unscaled(value))
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                if address.kind == "BOOL":
                    await self._write_bit(address, data)
                elif address.kind == "STRING":
                    await self._write_string(address, data, tag)
                else:
                    await self._connected().write_area(
                        _AREAS[address.area], address.block, address.byte, bytearray(data)
                    )
        except S7ProtocolError as error:
            raise S7AdapterError(f"can't write {value!r} to {tag}: {error}") from error
        except (S7Error, OSError, TimeoutError) as error:
            await self.close()  # as with a reading
            why = str(error) or "timeout"
            raise S7DownError(f"can't write {value!r} to {tag}: {why}") from error

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        return {"requests": self.requests, "refused_blocks": self.refused}

    def _connected(self) -> Any:
        if self._client is None or not self._client.connected:
            raise S7DownError(f"not connected to {self._settings.host}")
        return self._client

    def _plan(self, group: Group) -> _Plan:
        if group not in self._plans:
            addresses = [parse_address(tag.address, tag.type) for tag in group.tags]
            pdu_bytes = self._client.pdu_length if self._client else _PDU_BYTES_PLANNED
            self._plans[group] = _Plan(addresses, blocks_of(addresses, pdu_bytes))
        return self._plans[group]

    async def _read(self, block: Block) -> bytes:
        """Return the block's bytes; raises `_BlockRefusedError` when the controller refuses it."""
        client = self._connected()
        self.requests += 1
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                return bytes(
                    await client.read_area(
                        _AREAS[block.area], block.number, block.start, block.size_bytes
                    )
                )
        except S7ProtocolError as error:
            self.refused += 1
            raise _BlockRefusedError(str(error)) from error
        except (S7Error, OSError, TimeoutError) as error:
            await self.close()  # an answer that comes late would be taken for the next one's
            raise S7DownError(f"no answer to {block}: {str(error) or 'timeout'}") from error

    async def _read_block(
        self, plan: _Plan, block: Block, group: Group, values: list[Value]
    ) -> None:
        refusal = await self._take(plan, block, group, values)
        if refusal is None or not refusal.is_lasting:
            return
        if len(block.places) > 1 and await self._one_by_one(plan, block, group, values):
            return
        self._pause(plan, block, refusal)

    async def _take(
        self, plan: _Plan, block: Block, group: Group, values: list[Value]
    ) -> _BlockRefusedError | None:
        """Read a block into `values`, or return why it is refused."""
        try:
            data = await self._read(block)
        except _BlockRefusedError as refusal:
            return refusal
        if plan.pauses.pop(block, None):
            log.info("there are values of %s", block)
        self._decode(plan, block, data, group, values)
        return None

    async def _one_by_one(
        self, plan: _Plan, block: Block, group: Group, values: list[Value]
    ) -> bool:
        """Read a refused block's values by themselves; remember to where one of them is there."""
        singles = [
            Block(block.area, block.number, one.byte, one.size_bytes, (place,))
            for place in block.places
            for one in (plan.addresses[place],)
        ]
        refusals = [await self._take(plan, single, group, values) for single in singles]
        if all(one and one.is_lasting for one in refusals):
            return False
        where = plan.blocks.index(block)
        plan.blocks[where : where + 1] = singles
        plan.pauses.pop(block, None)
        for single, refusal in zip(singles, refusals, strict=True):
            if refusal and refusal.is_lasting:
                self._pause(plan, single, refusal)
        return True

    def _pause(self, plan: _Plan, block: Block, refusal: _BlockRefusedError) -> None:
        """Ask for what is not there more rarely, and log it once."""
        pause = plan.pauses.setdefault(block, Breaker(self._dice))
        if pause.fail(self._clock_s()):
            log.warning("no values of %s: %s", block, refusal)

    def _decode(
        self, plan: _Plan, block: Block, data: bytes, group: Group, values: list[Value]
    ) -> None:
        for place in block.places:
            address, tag = plan.addresses[place], group.tags[place]
            start = address.byte - block.start
            try:
                value = address.decode(data[start : start + address.size_bytes])
            except S7AddressError:
                continue  # BAD: no date where one belongs
            if isinstance(value, float) and value - value != 0:
                continue  # no number, or infinite
            values[place] = tag.meant(value)

    async def _write_string(self, address: S7Address, data: bytes, tag: str) -> None:
        """Write length and characters; the first byte, how many there may be, is the program's."""
        client, area = self._connected(), _AREAS[address.area]
        (room,) = await client.read_area(area, address.block, address.byte, 1)
        length = data[1]
        if length > room:
            raise S7AdapterError(f"{tag}: {length} characters, and the controller has {room} there")
        text = bytearray(data[1 : 2 + length])
        await client.write_area(area, address.block, address.byte + 1, text)

    async def _write_bit(self, address: S7Address, data: bytes) -> None:
        client = self._connected()
        protocol = client.protocol
        request = protocol.build_write_request(
            area=client._map_area(_AREAS[address.area]),
            db_number=address.block,
            start=address.byte * 8 + address.bit,
            word_len=S7WordLen.BIT,
            data=data,
        )
        protocol.check_write_response(await client._send_receive(request))
