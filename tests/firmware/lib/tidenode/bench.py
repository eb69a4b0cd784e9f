"""A scripted broker and a simulated board that knows it: the real firmware on the real VM."""

import random
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from tests.firmware.lib.tidenode import identities
from tests.firmware.lib.tidenode.broker import Broker, Publish
from tests.firmware.vm import HEAP_BYTES
from tests.line.line import wait_until
from tidectl.firmware_image import BLOCK_BYTES, FIRMWARE, build_image, update_image
from tidectl.simulated_board import PORTAL_PORTS, BoardStats, SimulatedBoard, save_partition
from tidewire import Batch, decode

# Quick: ten batches a second, and a broken link is tried again at once.
SETTINGS: dict[str, Any] = {
    "thing": "board-1",
    "site": "farm",
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 10}],
    "batch": {"age_ms_max": 100},
    "outbox": {"sync_batches": 1},
    "link": {"retry_delay_ms_min": 10, "retry_delay_ms_max": 100, "ack_timeout_ms": 1_000},
    "clock": {"sntp_host": None},
}
LATE_S_MAX = 40.0  # on a machine that others keep busy
DRAIN_TIMEOUT_MS = 30_000


class Bench:
    """One authority, one broker on a port of its own, one board; ends all it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = identities.authority()
        self.thing = identities.thing(self.authority)
        self.broker = Broker(folder, identities.server(self.authority), self.authority)
        self.log_path = folder / "board.log"
        self._boards: list[SimulatedBoard] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for board in self._boards:
            if board.running:
                board.kill()
                board.wait()
        self.broker.close()

    def image(self, *, partition_blocks: int = 0, **settings: Any) -> Path:
        """Return a fresh flash image; `settings` replace SETTINGS, sections as a whole.

        With `partition_blocks` there is a partition for the outbox.
        """
        path = self.folder / "flash.img"
        path.write_bytes(build_image(self._config(settings), *self._identity()))
        if partition_blocks:
            save_partition(path, partition_blocks * BLOCK_BYTES)
        return path

    def configure(self, image: Path, **settings: Any) -> None:
        """Give the board on `image` other settings; what waits on it stays."""
        update_image(image, self._config(settings), *self._identity())

    def board(
        self,
        image: Path | None = None,
        *,
        drain_timeout_ms: int = DRAIN_TIMEOUT_MS,
        absent: Collection[str] = (),
        cold: bool = False,
        portal_ports: tuple[int, int] = PORTAL_PORTS,
        micropython: Path | None = None,
        stand_ins: Path = FIRMWARE / "sim",
        **settings: Any,
    ) -> SimulatedBoard:
        """Return a board that runs, on `image` or on a fresh one of `settings`.

        Of the measurements named in `absent` the chip is not there. `micropython` and `stand_ins`
        are as SimulatedBoard has them.
        """
        board = SimulatedBoard(
            image or self.image(**settings),
            log_path=self.log_path,
            seed=len(self._boards),
            heap_bytes=HEAP_BYTES,
            drain_timeout_ms=drain_timeout_ms,
            absent=absent,
            cold=cold,
            portal_ports=portal_ports,
            micropython=micropython,
            stand_ins=stand_ins,
        )
        self._boards.append(board)
        board.start()
        return board

    def log(self) -> str:
        """Return all that boards have logged."""
        return self.log_path.read_text() if self.log_path.exists() else ""

    def wait_for_log(self, text: str) -> None:
        """Return when a board has logged `text`."""
        wait_until(f"{text!r} in the log", lambda: text in self.log(), within_s=LATE_S_MAX)

    def wait_for_batches(self, count: int) -> None:
        """Return when the broker has received `count` more publishes, repeated ones too."""
        wanted = len(self.broker.received) + count
        arrived = self.broker.wait_for(lambda: len(self.broker.received) >= wanted, LATE_S_MAX)
        assert arrived, f"{len(self.broker.received)} of {wanted}; {self.log()[-500:]}"

    def cut_again_and_again(self, image: Path, moments: random.Random, *, kills: int) -> int:
        """Cut the power of a board `kills` times, each after its start has sent something.

        Return how many samples these starts counted as accepted, which is a lower bound.
        """
        accepted = 0
        for boot in range(1, kills + 1):
            board = self.board(image)
            self.wait_for_boot(boot)
            time.sleep(moments.uniform(0.0, 0.4))  # the moment is the fault
            board.kill()
            board.wait()
            accepted += board.stats.accepted if board.stats else 0
        return accepted

    def wait_for_boot(self, boot: int) -> None:
        """Return when the broker has received a batch of the start `boot`."""
        looked_at = 0

        def has_come() -> bool:
            nonlocal looked_at
            fresh = self.broker.received[looked_at:]
            looked_at += len(fresh)
            return any(decode(publish.payload).boot == boot for publish in fresh)

        arrived = self.broker.wait_for(has_come, LATE_S_MAX)
        assert arrived, f"nothing of boot {boot} in {looked_at}; {self.log()[-500:]}"

    def wait_for_connects(self, count: int) -> None:
        """Return when the broker has been greeted `count` times in all."""
        arrived = self.broker.wait_for(lambda: len(self.broker.clients) >= count, LATE_S_MAX)
        assert arrived, f"{len(self.broker.clients)} of {count}; {self.log()[-500:]}"

    def end(self, board: SimulatedBoard) -> BoardStats:
        """End `board` in good order; return its last line."""
        board.interrupt()
        assert board.wait() == 0, self.log()[-500:]
        assert board.stats
        assert board.stats.final
        return board.stats

    def end_when_connected(self, board: SimulatedBoard) -> BoardStats:
        """End `board` in good order once something of it arrived."""
        self.wait_for_batches(1)
        return self.end(board)

    def batches(self) -> list[Batch]:
        """Return what the broker received, each batch once, in the order of first arrival.

        One that came again must be what it was.
        """
        return list(distinct(self.broker.received).values())

    def assert_whole(self, stats: BoardStats, *, accepted: int | None = None) -> None:
        """Assert that the broker has every sample, in order, and the sequence no hole.

        `accepted` is what boots before `stats` counted, for one that was not alone.
        """
        faults = self.broker.faults
        batches = self.batches()
        assert (stats.queued_batches, stats.dropped) == (0, 0), (stats, faults)
        assert [batch.sequence for batch in batches] == list(range(len(batches))), faults
        times_ms = [time_ms for batch in batches for time_ms in batch.times_ms]
        assert times_ms == sorted(set(times_ms)), faults
        if accepted is None:
            assert len(times_ms) == stats.accepted == stats.sampled == stats.acknowledged, faults
        else:
            assert len(times_ms) >= accepted + stats.accepted, faults

    def _config(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"broker": {"host": "127.0.0.1", "port": self.broker.port}} | SETTINGS | settings

    def _identity(self) -> tuple[bytes, bytes, bytes]:
        thing = self.thing
        return thing.certificate_der(), thing.key_der(), self.authority.certificate_der()


def distinct(publishes: list[Publish]) -> dict[int, Batch]:
    """Return batches by sequence, in order of first arrival; asserts that copies are equal."""
    payloads: dict[int, bytes] = {}
    for publish in publishes:
        sequence = decode(publish.payload).sequence
        assert payloads.setdefault(sequence, publish.payload) == publish.payload
    return {sequence: decode(payload) for sequence, payload in payloads.items()}
