"""Bring the files of a running board up to date: only what differs goes over the wire.

Flow: thing's folder -> plan <- SHA-256 of the board's files; plan -> [mpremote] -> board
Where a board has made its key itself, its certificate and key stay as they are.
New files lie beside the old ones until all are there and read back right; then each takes its
place by a rename. The outbox is never touched, nor is what is not ours.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tidectl import mpremote
from tidectl.board_prompt import ANSWER_S_MAX, wait_for_prompt
from tidectl.errors import TidectlError
from tidectl.firmware_image import KEPT
from tidectl.thing import ThingFolder

NEW = ".new"
# What is here and not in an image is removed: modules that the firmware lost, also where they lay
# before there were slots, and the note that the other slot is in force.
_OURS = ("/app_a/", "/update/", "/lib/tidewire/", "/lib/tidenode/")
# Goes with another configuration: a trial would end in the one before, and what came from afar and
# is not in this one would be taken for applied. The cloud tells it again.
_CONFIG, _FROM_AFAR = "/config.json", "/control/"
_PLACED = "placed"
_DIGEST = """
import binascii, hashlib, json, os
def h(p):
    s = hashlib.sha256()
    with open(p, 'rb') as f:
        b = f.read(512)
        while b:
            s.update(b)
            b = f.read(512)
    return binascii.hexlify(s.digest()).decode()
"""
_SCAN = f"""{_DIGEST}
def w(d):
    for e in os.ilistdir(d or '/'):
        p = d + '/' + e[0]
        if e[1] & 0x4000:
            if p != {KEPT!r}:
                w(p)
        else:
            print(json.dumps([p, h(p)]))
w('')
try:
    with open('/config.json') as f:
        print(json.dumps([None, json.load(f)['thing']]))
except (OSError, ValueError, KeyError):
    print(json.dumps([None, None]))
"""
_MAKE_FOLDERS = """
import os
for d in {folders!r}:
    try:
        os.mkdir(d)
    except OSError:
        pass
"""
_PLACE = """{digest}
new = {new!r}
for p in new:
    if h(p + '.new') != new[p]:
        raise OSError('a copy differs: ' + p)
for p in new:
    os.rename(p + '.new', p)
for p in {stale!r}:
    os.remove(p)
print({placed!r})
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the board's files those of the thing."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]


def plan(wanted: Mapping[str, bytes], found: Mapping[str, str]) -> Plan:
    """Compare files with the SHA-256 of those on the board, both by path."""
    changed = [
        path for path, data in wanted.items() if found.get(path) != hashlib.sha256(data).hexdigest()
    ]
    ours = (*_OURS, _FROM_AFAR) if _CONFIG in changed else _OURS
    removed = [
        path
        for path in found
        if path not in wanted
        and (path.startswith(ours) or path.removesuffix(NEW) in wanted)  # of a sync cut short
    ]
    return Plan(tuple(sorted(changed)), tuple(sorted(removed)))


def sync(port: str, folder: ThingFolder) -> Plan:
    """Bring the board on `port` up to date and start it anew; raises `TidectlError`."""
    own = folder.identity_on_board
    wanted = folder.files_beside_identity() if own else folder.files()
    try:
        todo = _compared(port, folder, wanted)
        if todo.changed or todo.removed:
            _copy(port, folder, {path: wanted[path] for path in todo.changed}, todo.removed)
    except TidectlError:
        with suppress(TidectlError):
            _start_anew(port)  # with the files it had
        raise
    _start_anew(port)
    return todo


def _compared(port: str, folder: ThingFolder, wanted: Mapping[str, bytes]) -> Plan:
    found, thing = _scan(port)
    if thing not in (None, folder.thing):
        raise TidectlError(
            f"on {port} is the thing {thing}, not {folder.thing}",
            f"flash it, which begins anew: tidectl flash {port} {folder.thing} --image ...",
        )
    return plan(wanted, found)


def _start_anew(port: str) -> None:
    mpremote.run(port, [["reset"]], resume=True, within_s=ANSWER_S_MAX)


def _scan(port: str) -> tuple[dict[str, str], str | None]:
    """Return the digests of the board's files, and the thing that it is."""
    wait_for_prompt(port)
    facts = [json.loads(line) for line in mpremote.run(port, [["exec", _SCAN]]).splitlines()]
    if not facts or facts[-1][0] is not None:
        raise TidectlError(
            f"the board on {port} stopped in the middle of its answer",
            "press RESET on it and run the same command again",
        )
    return {path: digest for path, digest in facts if path is not None}, facts[-1][1]


def _copy(
    port: str, folder: ThingFolder, files: Mapping[str, bytes], stale: tuple[str, ...]
) -> None:
    folders = sorted({str(up) for path in files for up in Path(path).parents} - {"/"}, key=len)
    commands = [["exec", _MAKE_FOLDERS.format(folders=folders)]]
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".sync-") as scratch:
        for number, (path, data) in enumerate(files.items()):
            source = Path(scratch, str(number))
            with open(os.open(source, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(data)
            commands.append(["fs", "cp", str(source), f":{path}{NEW}"])
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        gone = [path for path in stale if path.removesuffix(NEW) not in files]
        place = _PLACE.format(digest=_DIGEST, new=digests, stale=gone, placed=_PLACED)
        said = mpremote.run(port, [*commands, ["exec", place]], resume=True)
    if _PLACED not in said.split():
        raise TidectlError(
            f"the board on {port} did not take its new files", "run the same command again"
        )
