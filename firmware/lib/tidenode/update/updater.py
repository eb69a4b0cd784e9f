"""Bring a bundle into force: receive, verify, lay down, verify again, restart, prove.

Flow: job -> [updater] -> slot -> restart -> trial
Every step can be interrupted and is begun again with the same bundle, whose head comes first each
time: what it says of the files on flash is all there is to know.
"""

import gc
import os
import sys
from collections import namedtuple

from tidenode.update.errors import UpdateError, UpdateRefusedError
from tidenode.update.manifest import read_header, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tidenode.update.blocks import Blocks

_PROGRESS_STEP = 10  # percent; each report is a message

# names: what a bundle may call this board. mpy: version of its bytecode. signed(digest,
# signature): whether a key of this board has signed it.
# scratch: a file to write to. target_of(kind): where that kind of bundle goes, see AppSlot.
Board = namedtuple("Board", ("names", "mpy", "signed", "scratch", "target_of"))


async def bring(
    blocks: "Blocks", board: Board, report: "Callable[[dict[str, str]], Awaitable[None]]"
) -> str:
    """Return the version once it is ready to be started, "" where it is in force already.

    After one the caller restarts the board; it comes back on trial. No version may be on trial
    when this is called. `report` is told each step. Raises UpdateRefusedError, other
    UpdateErrors that a later try may not meet, and OSError from the flash.
    """
    await report({"step": "manifest"})
    scratch = board.scratch
    files_at = await _receive_head(blocks, board)
    manifest = read_header(scratch)
    target = board.target_of(manifest.kind)
    if target.in_force(scratch):
        os.remove(scratch)
        return ""
    why = target.failed(scratch)
    if why:
        os.remove(scratch)
        await report({"step": "rolled back", "version": manifest.version, "why": why})
        target.forgive()
        raise UpdateError("version %s was rolled back: %s" % (manifest.version, why))
    running = target.version()
    check(manifest, running, board, blocks.size_bytes - files_at)
    target.check(scratch)
    told = [0]

    async def progress(done_bytes: int) -> None:
        percent = done_bytes * 100 // manifest.bytes
        if percent >= told[0] + _PROGRESS_STEP:
            told[0] = percent
            await report({"step": "files", "version": manifest.version, "percent": "%d" % percent})

    await target.fill(blocks, scratch, files_at, progress)
    target.verify()
    await report({"step": "restart", "version": manifest.version, "from": running})
    target.switch()
    return str(manifest.version)


async def _receive_head(blocks: "Blocks", board: Board) -> int:
    """Receive what comes before the files; return where they begin. Raises UpdateError, OSError."""
    from tidenode.update import head

    try:
        received = await head.receive(blocks, board.scratch)
        if not board.signed(received.digest, received.signature):
            os.remove(board.scratch)
            raise UpdateRefusedError("no key on this board has signed it")
        return int(received.files_at)
    finally:  # kilobytes of heap, which the files need
        for name in ("head", "signature"):
            sys.modules.pop("tidenode.update." + name, None)
            sys.modules["tidenode.update"].__dict__.pop(name, None)
        del head
        gc.collect()


def check(manifest: "Any", running: str, board: Board, files_bytes: int) -> None:
    """Raise UpdateRefusedError where a manifest that was signed is not for this board, now."""
    new, old = version(manifest.version), version(running)
    if manifest.boards and not [name for name in board.names if name in manifest.boards]:
        raise UpdateRefusedError(
            "it is for %s, this is %s" % (", ".join(manifest.boards), ", ".join(board.names))
        )
    if manifest.mpy != board.mpy:
        raise UpdateRefusedError("bytecode %d, this runs %d" % (manifest.mpy, board.mpy))
    if old < version(manifest.minimum):
        raise UpdateRefusedError("it needs version %s, this has %s" % (manifest.minimum, running))
    # A version is one thing: another bundle of the same version is no update either. What may be
    # undone is named by what was signed, so that an old bundle can't be sent again.
    if new <= old and running not in manifest.downgrade_from:
        raise UpdateRefusedError("version %s on %s" % (manifest.version, running))
    if manifest.bytes != files_bytes:
        raise UpdateRefusedError("files of %d bytes, not %d" % (files_bytes, manifest.bytes))
