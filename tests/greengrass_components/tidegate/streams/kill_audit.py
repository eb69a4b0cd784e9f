"""Kill the stream manager at random moments, and audit by sequence number what it acknowledged.

Appends run all the time, pipelined, of all sizes, to a stream that syncs and to one that does
not. After each kill every message is read back: each sequence number once, in order, and under
each one that was acknowledged exactly what was sent.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from tests.greengrass_components.tidegate.streams.manager_process import ManagerProcess
from tidegate.streams import StreamClient, StreamConnectionError, StreamsError

STREAMS = ("plain", "flushed")
ALIVE_S_MAX = 0.12
BATCH_MAX = 60
PAYLOAD_BYTES_MAX = 6_000


@dataclass(slots=True)
class Tally:
    """What came out: all of it counts over all kills."""

    kills: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0  # acknowledged, and not there or not the same
    doubled: int = 0  # a sequence number twice, or out of order


class KillAudit:
    """Kills it `kills` times; the same seed gives the same sizes and moments."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._dice = random.Random(seed)
        self._manager = ManagerProcess(folder)
        self._acknowledged: dict[str, dict[int, bytes]] = {name: {} for name in STREAMS}
        self._read_to = dict.fromkeys(STREAMS, 0)
        self.tally = Tally()

    def run(self, kills: int) -> Tally:
        """Do it and return the tally."""
        return asyncio.run(self._run(kills))

    async def _run(self, kills: int) -> Tally:
        self._manager.start()
        async with await self._connect() as client:
            for name in STREAMS:
                await client.create(
                    {"name": name, "strategyOnFull": 0, "streamSegmentSize": 65_536,
                     "maxSize": 1 << 30, "flushOnWrite": name == "flushed"}
                )  # fmt: skip
        for _ in range(kills):
            await self._live_and_die()
            self._manager.start()
            await self._audit()
        self._manager.kill()
        return self.tally

    async def _connect(self) -> StreamClient:
        return await StreamClient.connect(port=self._manager.port, token=self._manager.token)

    async def _live_and_die(self) -> None:
        alive_s = self._dice.uniform(0.0, ALIVE_S_MAX)
        async with await self._connect() as client:
            loop = asyncio.get_running_loop()
            killing = loop.run_in_executor(None, self._kill_after, alive_s)
            appending = [self._append_for_ever(client, name) for name in STREAMS]
            ends = await asyncio.gather(*appending, return_exceptions=True)
            await killing
        assert all(isinstance(end, StreamConnectionError) for end in ends), ends
        self.tally.kills += 1

    def _kill_after(self, alive_s: float) -> None:
        time.sleep(alive_s)
        self._manager.kill()

    async def _append_for_ever(self, client: StreamClient, name: str) -> None:
        while True:
            batch = [
                self._dice.randbytes(self._dice.randrange(1, PAYLOAD_BYTES_MAX))
                for _ in range(self._dice.randrange(1, BATCH_MAX))
            ]
            waiter = [self._append(client, name, payload) for payload in batch]
            for end in await asyncio.gather(*waiter, return_exceptions=True):
                if isinstance(end, BaseException):
                    raise end

    async def _append(self, client: StreamClient, name: str, payload: bytes) -> None:
        sequence = await client.append(name, payload)
        self._acknowledged[name][sequence] = payload
        self.tally.acknowledged += 1

    async def _audit(self) -> None:
        async with await self._connect() as client:
            for name in STREAMS:
                await self._audit_stream(client, name)

    async def _audit_stream(self, client: StreamClient, name: str) -> None:
        waiting, expected = self._acknowledged[name], self._read_to[name]
        while True:
            try:
                messages = await client.read(name, expected)
            except StreamsError:
                break  # not enough messages: that was the last
            for message in messages:
                if message.sequence < expected:
                    self.tally.doubled += 1
                elif message.sequence > expected:
                    self.tally.lost += message.sequence - expected
                if waiting.pop(message.sequence, message.payload) != message.payload:
                    self.tally.lost += 1
                expected = message.sequence + 1
                self.tally.stored += 1
        self.tally.lost += len(waiting)
        waiting.clear()
        self._read_to[name] = expected
