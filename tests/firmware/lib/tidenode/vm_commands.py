"""A command that reads a sensor: whatever its driver does, who asked is told."""

import json

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.clock import FLOOR_MS, Clock
from tidenode.control import commands
from tidenode.sampler import Sampler

TOPIC = "cmd/tidegauge/board-1/1"


class Board:
    """What a command finds: a sensor that answers or fails, and what is said and marked."""

    FIELDS = (("level_m", 2),)

    def __init__(self, fault=None):
        self.fault = fault
        self.talk = self
        self.said, self.marks, self.marked_in_read = [], [], None
        ticks = lambda: 0  # noqa: E731  # a clock that stands
        clock = Clock(ticks_ms=ticks, ticks_diff=lambda a, b: a - b, wall_ms=FLOOR_MS)
        sampler = Sampler(
            name="level", sensor=self, period_ms=1_000, clock=clock, batcher=None, warn=print
        )
        sampler.mark = self.marks.append
        self.samplers = [sampler]

    def load(self, _name):
        return self

    def publish(self, topic, payload):
        self.said.append((topic, json.loads(payload)))

    def read(self):
        self.marked_in_read = self.marks[-1]
        if self.fault:
            raise self.fault
        return (123,)


async def asked(board):
    """Have `board` read its level by a command."""
    device = RamFlash(bytearray(b"\xff" * (4 * BLOCK)))
    vfs.VfsLfs2.mkfs(device)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(device), "/")
    with open("/config.json", "w") as file:
        json.dump({"measurements": [{"name": "level", "driver": "any"}]}, file)
    await commands.take(board, TOPIC, b'{"command": "read", "measurement": "level"}')


async def test_a_driver_that_raises_anything_is_told_to_who_asked():
    board = Board(RuntimeError("wires are loose"))
    await asked(board)
    assert board.said == [(TOPIC + "/answer", {"error": "RuntimeError('wires are loose',)"})]


async def test_who_runs_for_a_command_is_known_to_the_start_after():
    board = Board()
    await asked(board)
    assert board.said == [(TOPIC + "/answer", {"level_m": "1.23"})]
    assert board.marked_in_read == "level"
    assert board.marks[-1] == ""
