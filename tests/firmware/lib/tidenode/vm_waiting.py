"""A board that boots at 2000-01-01 samples from the start; its samples get their true times."""

import asyncio
import socket
import time

import vm_sntp

from tidenode.batcher import Batcher
from tidenode.clock import FLOOR_MS, Clock
from tidenode.sampler import Sampler
from tidenode.timekeeper import Timekeeper
from tidenode.waiting import Waiting
from tidewire.decoder import decode
from tidewire.encoder import encode

EPOCH_2000_MS = 946_684_800_000
UNIX_OF_NTP_S = 2_208_988_800
PERIOD_MS = 20
ERROR_MS_MAX = 50


def true_ms():
    """The host's time, which the time server gives and no stage sees otherwise."""
    return time.time_ns() // 1_000_000


class TimeServer:
    """Says twice that it does not know the time, then what the host's clock says."""

    def __init__(self, unknowing):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = vm_sntp.bound_port(self.socket)
        self.unknowing = unknowing
        self.task = asyncio.create_task(self.serve())

    async def serve(self):
        self.socket.setblocking(False)
        while True:
            try:
                request, address = self.socket.recvfrom(100)
            except OSError:
                await asyncio.sleep_ms(1)
                continue
            self.unknowing -= 1
            now_ms = true_ms()
            fraction = ((now_ms % 1_000) << 32) // 1_000
            answer = bytes((0xE4 if self.unknowing >= 0 else 0x24, 1)) + bytes(22)
            answer += request[40:] + bytes(8)
            answer += (now_ms // 1_000 + UNIX_OF_NTP_S).to_bytes(4, "big")
            self.socket.sendto(answer + fraction.to_bytes(4, "big"), address)


class Truth:
    """A chip whose value is the host's time, to compare the sample's with."""

    def read(self):
        return (true_ms(),)


class Outbox:
    """Takes what would go to flash."""

    def __init__(self):
        self.batches, self.dropped = [], 0

    @property
    def next_sequence(self):
        return len(self.batches)

    def push(self, _measurement, _samples, payload):
        self.batches.append(decode(payload))

    def lose(self, samples):
        self.dropped += samples


async def test_samples_of_a_cold_board_have_their_true_times():
    server = TimeServer(unknowing=2)
    clock = Clock(ticks_ms=time.ticks_ms, ticks_diff=time.ticks_diff, wall_ms=EPOCH_2000_MS + 5)
    warnings, outbox = [], Outbox()
    waiting = Waiting(outbox=outbox, bytes_max=4_096, warn=warnings.append)
    keeper = Timekeeper(
        clock=clock,
        ask=vm_sntp.asker(server.port),
        online=None,
        set_wall_ms=None,
        resync_ms=300,
        warn=warnings.append,
        retry_ms=1_000,
    )
    keeper.learned = waiting.release
    batcher = Batcher(
        origin=("farm", "board-1", "truth", 1),
        fields=(("true_ms", 0),),
        samples_max=25,
        age_ms_max=10_000,
        outbox=waiting,
        clock=clock,
        encode=encode,
        warn=warnings.append,
    )
    waiting.join(batcher)
    sampler = Sampler(
        name="truth",
        sensor=Truth(),
        period_ms=PERIOD_MS,
        clock=clock,
        batcher=batcher,
        warn=warnings.append,
    )
    tasks = [asyncio.create_task(keeper.run()), asyncio.create_task(sampler.run())]
    await asyncio.sleep_ms(1_500)
    assert outbox.batches == []
    assert sampler.sampled > 40
    await keeper.known.wait()
    before = sampler.sampled
    await asyncio.sleep_ms(1_000)  # the clock is set again meanwhile
    for task in tasks:
        task.cancel()
    batcher.flush()
    times_ms, errors_ms = [], []
    for batch in outbox.batches:
        times_ms.extend(batch.times_ms)
        for number, value in enumerate(batch.columns[0].values):
            errors_ms.append(abs(value - batch.times_ms[number]))
    assert len(times_ms) == sampler.sampled > before > 80
    assert times_ms == sorted(set(times_ms))
    assert times_ms[0] > FLOOR_MS
    assert max(errors_ms) <= ERROR_MS_MAX, max(errors_ms)
    print(
        "largest error of %d samples, %d before the time: %d ms"
        % (len(times_ms), before, max(errors_ms))
    )
    assert (outbox.dropped, len(warnings)) == (0, 2), warnings
