"""Keep the services' state on the disk, not only at a clean end.

Flow: front, rules, mappings -> touch -> [checkpoint] -> <state>/services/<service>.json
What a call changed is written before its caller is answered, so also that a stack is complete;
what changes without a call is on its way to the disk within PERIOD_S. Written to the kernel, not
synced: it survives a killed process, not a power cut.
"""

import asyncio
import hashlib
import logging

from tidelocal.errors import StorageFullError
from tidelocal.host import Host
from tidelocal.state_directory import write_whole

PERIOD_S = 0.5

log = logging.getLogger(__name__)


class Checkpoint:
    """Writes the state files that changed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._written: dict[str, bytes] = {}
        self._dirty = False
        self._saving = asyncio.Lock()
        self._stack_was_moving = False

    def touch(self) -> None:
        """Note that something worth keeping may have changed."""
        self._dirty = True

    async def flush(self) -> None:
        """Return when all that `touch` noted is written; raises `StorageFullError`."""
        async with self._saving:
            if not self._dirty:
                return
            self._dirty = False
            try:
                await asyncio.to_thread(self._write, self._host.snapshot())
            except BaseException:
                self._dirty = True
                raise

    async def try_flush(self) -> None:
        """`flush`, but a full disk is logged, and tried again within PERIOD_S."""
        try:
            await self.flush()
        except StorageFullError as error:
            log.error("state not saved: %s", error)

    async def run(self) -> None:
        """Write what changed every PERIOD_S until cancelled; a full disk is logged and retried."""
        while True:
            await asyncio.sleep(PERIOD_S)
            moving = self._host.stacks.in_progress()
            if moving or self._stack_was_moving:
                self._dirty = True  # a stack goes on after its call was answered
            self._stack_was_moving = moving
            await self.try_flush()

    def _write(self, documents: dict[str, bytes]) -> None:
        for service, document in documents.items():
            digest = hashlib.blake2b(document).digest()
            if self._written.get(service) != digest:
                write_whole(self._host.state_folder / f"{service}.json", document)
                self._written[service] = digest
