"""Settings from afar on a real LittleFS that is full."""

import json
import os

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode.control import files, store, trial

PLACE = "/flash"
BLOCKS = 16
CONFIG = {"thing": "board-1", "batch": {"age_ms_max": 500}, "notes": "x" * 600}
STATE = {"batch": {"age_ms_max": 200}}


def mounted():
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), PLACE)
    store.save(PLACE + "/config.json", json.dumps(CONFIG))
    wanted = {"version": 3, "digest": "d" * 64, "state": STATE}
    store.write("wanted", wanted, PLACE)


def fill(left_blocks):
    """Leave room for so many more blocks."""
    names = []
    try:
        while True:
            names.append("%s/%d" % (PLACE, len(names)))
            with open(names[-1], "wb") as file:
                file.write(bytes(BLOCK // 2))
    except OSError as error:
        assert error.errno == 28, error
    for name in names[len(names) - 1 - left_blocks :]:
        os.remove(name)


def started():
    on_trial = trial.begin(lambda document, _: document, None, PLACE)
    trial.report(bool(on_trial), PLACE)
    with open(PLACE + "/config.json") as file:
        return on_trial, json.load(file)


async def test_settings_that_a_full_flash_does_not_take_are_refused_and_change_nothing():
    tried = []
    for left_blocks in range(7):
        mounted()
        fill(left_blocks)
        on_trial, document = started()
        tried.append(on_trial == "settings")
        if on_trial:
            assert document == dict(CONFIG, batch=STATE["batch"])
        else:
            assert document == CONFIG
            assert not store.exists("wanted", PLACE)
            assert not store.exists("last", PLACE)
            refused = files.read("refused", PLACE)
            assert refused["digest"] == "d" * 64, refused
            assert refused["mistakes"] == ["the board's flash does not take it: error 28"]
        assert started() == ("", CONFIG)  # it was not confirmed
        vfs.umount(PLACE)
    assert tried == sorted(tried), tried
    assert (tried[0], tried[-1]) == (False, True)
