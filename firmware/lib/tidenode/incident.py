"""Keep on flash what went badly wrong, until it is told.

Flow: fault -> [incident] -> restart -> event
Bounded: the newest KEPT_MAX, of TEXT_BYTES_MAX each. A file is one: `/health/<number>.<kind>`.
`/health/<sequence>.told` stands while they are put into the outbox as the batch `sequence`, so
that a power cut in between neither loses nor repeats them.
"""

import io
import os
import sys

FOLDER = "/health"
CRASH = "crash"  # with its trace
LATE = "late"  # the watchdog is about to bite; the name of who did not turn
PART = "the %s"  # one that is no measurement: no measurement has such a name
AGAIN = " turned again"  # behind the name: it is fed again
RESET = "reset"  # without a trace: by a fault below Python, or on purpose
SAFE_MODE = "safe_mode"
WATCHDOG = "watchdog"
KINDS = (CRASH, LATE, RESET, SAFE_MODE, WATCHDOG)
KEPT_MAX = 4
TEXT_BYTES_MAX = 1_000  # a text of a batch has 1,024 at the most
_TOLD = ".told"
_MARK_BYTES_MAX = 80  # a measurement's name, and what its driver did


def note(kind: str, text: str, folder: str = FOLDER) -> None:
    """Keep `text`, of which the end matters most. Raises OSError."""
    names = kept(folder)
    while len(names) >= KEPT_MAX:
        os.remove(folder + "/" + names.pop(0))
    number = int(names[-1].split(".")[0]) + 1 if names else 1
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there, or the next line tells
    with open("%s/%d.%s" % (folder, number, kind), "wb") as file:
        file.write(_end_of(text.encode(), TEXT_BYTES_MAX))


def note_error(error: Exception, folder: str = FOLDER) -> None:
    """Keep the trace of `error`. Raises OSError."""
    out = io.StringIO()
    sys.print_exception(error, out)  # type: ignore[attr-defined]  # MicroPython's
    note(CRASH, out.getvalue(), folder)


def note_start(bitten: bool, safe_mode: bool, marked: bytes = b"", folder: str = FOLDER) -> str:
    """Keep why there is this start, after one that ended badly; `bitten` by the watchdog.

    `marked` is what the RTC holds: the measurement whose driver ran. Return which part was late,
    else that: where one was late the loop turned, and nobody blocked it. Nothing if not bitten.
    """
    names = kept(folder)
    late = ""
    try:
        if names and names[-1].endswith(LATE):
            late = text_of(names[-1], folder)
    except (OSError, UnicodeError):
        pass  # it is told, or not, as the others are
    if late.endswith(AGAIN):
        late = ""
    blocker = "" if late else _text_of_mark(marked)
    try:
        if bitten:
            note(WATCHDOG, blocker, folder)
        elif not names or not names[-1].endswith(CRASH):
            note(RESET, "", folder)
        if safe_mode:
            note(SAFE_MODE, "", folder)
    except OSError:
        pass  # a flash that fails is no reason not to start
    return (late or blocker) if bitten else ""


def kept(folder: str = FOLDER) -> "list[str]":
    """Return the names of what is kept, oldest first."""
    try:
        names = [name for name in os.listdir(folder) if name.split(".")[-1] in KINDS]
    except OSError:
        return []
    return sorted(names, key=lambda name: int(name.split(".")[0]))


def text_of(name: str, folder: str = FOLDER, bytes_max: int = TEXT_BYTES_MAX) -> str:
    """Return the text of one that is kept, the end of a longer one. Raises OSError."""
    with open(folder + "/" + name, "rb") as file:
        return str(_end_of(file.read(TEXT_BYTES_MAX), bytes_max), "utf-8")


def begin_telling(sequence: int, folder: str = FOLDER) -> None:
    """Note that they are about to become the batch `sequence`. Raises OSError."""
    with open("%s/%d%s" % (folder, sequence, _TOLD), "wb"):
        pass


def settle(next_sequence: int, folder: str = FOLDER) -> None:
    """Forget those that lie in the outbox, whose next batch is `next_sequence`. Raises OSError."""
    try:
        marks = [name for name in os.listdir(folder) if name.endswith(_TOLD)]
    except OSError:
        return
    for mark in marks:
        if int(mark[: -len(_TOLD)]) < next_sequence:
            for name in kept(folder):
                os.remove(folder + "/" + name)
        os.remove(folder + "/" + mark)


def _text_of_mark(marked: bytes) -> str:
    """Return what stands in the RTC; what a board that sleeps left there is longer."""
    try:
        return str(marked, "utf-8") if len(marked) <= _MARK_BYTES_MAX else ""
    except UnicodeError:
        return ""


def _end_of(data: bytes, bytes_max: int) -> bytes:
    data = data[-bytes_max:]
    while data and data[0] & 0xC0 == 0x80:  # the rest of a character
        data = data[1:]
    return data
