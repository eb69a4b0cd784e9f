"""Know which of two versions of the program is in force. Never updated, so that it always can.

A version lies in a slot, /app_a or /app_b; it is whole if it has its `manifest`. Which slot is
in force stands in the name of one empty file in /update, and each change of it is one rename:

    a.0.good     the version in slot a
    b.2.trial    the one in b, new and started twice: it has yet to prove itself
    a.0.back     the one in a, again: the one in b did not prove itself
"""

import os

ROOT = ""  # where the flash is mounted, for tests
FOLDER = "/update"
GOOD, TRIAL, BACK = "good", "trial", "back"
TRIES_MAX = 3  # starts of a version on trial; then the other one is back
_WHY_MAX = 200


def choose() -> str:
    """Return the folder of the version to run now. One on trial is counted."""
    slot, tries, kind = state()
    if kind == TRIAL:
        try:
            if tries < TRIES_MAX:
                _become(slot, tries + 1, TRIAL)
            else:
                slot = other(slot)
                _become(slot, 0, BACK)
        except OSError:  # can't be counted: then it is not tried
            slot = other(slot) if tries < TRIES_MAX else slot
    return folder(slot)


def fall_back(why: str) -> bool:
    """The version in force can't start: return whether the other one is in force now."""
    slot, _, kind = state()
    if kind == BACK or not whole(other(slot)):
        return False
    _tell(why)
    _become(other(slot), 0, BACK)
    return True


def begin_trial() -> None:
    """Put the version in the other slot, which is whole, in force from the next start on."""
    _tell("it was started %d times and did not prove itself" % TRIES_MAX)
    _become(other(state()[0]), 0, TRIAL)


def end_trial(why: str) -> None:
    """The version on trial did not prove itself: the other one is in force."""
    _tell(why)
    _become(other(state()[0]), 0, BACK)


def settle() -> None:
    """The version in force stays: it has proved itself, or why the other did not is known."""
    _become(state()[0], 0, GOOD)


def state() -> "tuple[str, int, str]":
    """Return the slot in force, how often it was tried, and GOOD, TRIAL or BACK."""
    name = _name()
    if not name:
        return "a", 0, GOOD
    slot, tries, kind = name.split(".")
    return slot, int(tries), kind


def why() -> str:
    """Return what the last version that did not prove itself left behind."""
    try:
        with open(ROOT + FOLDER + "/why") as file:
            return file.read(_WHY_MAX)
    except OSError:
        return "it did not prove itself"


def folder(slot: str) -> str:
    """Return the folder of `slot`."""
    return ROOT + "/app_" + slot


def other(slot: str) -> str:
    """Return the other slot."""
    return "b" if slot == "a" else "a"


def whole(slot: str) -> bool:
    """Return whether there is a version in `slot`, complete and verified."""
    try:
        os.stat(folder(slot) + "/manifest")
    except OSError:
        return False
    return True


def _name() -> str:
    try:
        names = sorted(os.listdir(ROOT + FOLDER))
    except OSError:
        return ""
    for name in names:
        parts = name.split(".")
        if len(parts) == 3 and parts[0] in ("a", "b") and parts[2] in (GOOD, TRIAL, BACK):
            return name
    return ""


def _become(slot: str, tries: int, kind: str) -> None:
    name = _name()
    new = "%s%s/%s.%d.%s" % (ROOT, FOLDER, slot, tries, kind)
    if "/" + name == new[-len(name) - 1 :]:
        return
    if name:
        os.rename("%s%s/%s" % (ROOT, FOLDER, name), new)
        return
    try:
        os.mkdir(ROOT + FOLDER)
    except OSError:
        pass  # it is there, or the next line tells
    with open(new, "wb"):
        pass


def _tell(why: str) -> None:
    """Keep `why` for the one who reports; nothing depends on it."""
    try:
        with open(ROOT + FOLDER + "/why", "w") as file:
            file.write(why[:_WHY_MAX])
    except OSError:
        pass
