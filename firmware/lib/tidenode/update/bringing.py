"""Wire the bringing of a new version. Loaded where there is one, and forgotten after it."""

import json
import os
import sys

from tidenode.update.blocks import Blocks
from tidenode.update.file_stream import FileStream, block_bytes_for
from tidenode.update.updater import Board, bring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.jobs import Job

KEYS = "/update_keys"
_OUTBOX_BYTES_MAX = 262_144  # the configuration's default


async def bring_for(job: "Job", slots: "Any") -> str:
    """Return the version that is ready to be started, "" where it is in force already.

    Raises UpdateError and OSError.
    """
    talk = job.control.talk
    stream = FileStream(
        things=job.control.things,
        file=job.document.get("file") or {},
        block_bytes=block_bytes_for(talk.inbox.bytes_max),
        publish=talk.publish,
    )
    for one in stream.filters():
        talk.subscribe(one, stream.heard)
    board = Board(
        names=(sys.platform, sys.implementation._machine.split(" ")[-1]),
        mpy=sys.implementation._mpy & 255,
        signed=_signed,
        scratch=slots.FOLDER + "/head",
        target_of=lambda kind: _target(kind, slots),
    )
    blocks = Blocks(stream.fetch, stream.block_bytes, stream.size_bytes)
    return await bring(blocks, board, job.report)


def _signed(digest: bytes, signature: bytes) -> bool:
    from tidenode.update.signature import signed

    return signed(digest, signature, KEYS)


def _target(kind: str, slots: "Any") -> "Any":
    from tidenode.update.manifest import IMAGE

    if kind == IMAGE:
        import esp32

        from tidenode.update.partition import ImageSlot

        running = "%d.%d.%d" % tuple(sys.implementation.version[:3])
        return ImageSlot(esp32.Partition, slots.FOLDER, running)
    from tidenode.update.app_slot import AppSlot

    return AppSlot(slots, _reserve_bytes())


def _reserve_bytes() -> int:
    """Return how much flash the outbox may still ask for: it must drop nothing for an update.

    None of the files' where it lies on a partition of its own.
    """
    with open("/config.json") as file:
        outbox = json.load(file).get("outbox") or {}
    label = outbox.get("partition", "outbox")
    if label:
        import esp32

        if esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label):
            return 0
    used = sum([os.stat("/outbox/" + name)[6] for name in os.listdir("/outbox")])
    return max(0, int(outbox.get("bytes_max", _OUTBOX_BYTES_MAX)) - used)
