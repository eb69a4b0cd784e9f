"""Remember commands over restarts, so that one that comes twice is done once.

A line of JSON each, synced: one before the device is touched, one with the answer. Bounded: the
newest `COMMANDS_MAX` are kept; the file is written anew when it has twice as many lines.
"""

import json
import os
from collections import OrderedDict
from pathlib import Path

from tidegate.command import Answer, Outcome
from tidegate.errors import GateError
from tidegate.segment_log.cursors import replace_file

COMMANDS_MAX = 1_000


class CommandLog:
    """The log in the file `path`; raises `GateError` where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lines = 0
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._lines += 1
            try:
                facts = json.loads(line)
                facts["outcome"] = Outcome(facts["outcome"])
                self._remember(Answer(**facts))
            except (ValueError, TypeError, KeyError):
                continue  # torn by a power cut
        if self._lines > len(self._answers):
            self._rewrite()

    def find(self, key: str) -> Answer | None:
        """Return what became of a command; `UNKNOWN` while it is under way."""
        return self._answers.get(key)

    def begin(self, key: str) -> None:
        """Note, on the disk, that a command is about to be done."""
        self._write(Answer(key, Outcome.UNKNOWN, "the gateway ended while it wrote"))

    def end(self, answer: Answer) -> None:
        """Note what became of it."""
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        self._remember(answer)
        try:
            if self._lines >= 2 * COMMANDS_MAX:
                self._rewrite()
                return
            with self._path.open("ab") as file:
                file.write(_line(answer))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise GateError(f"{self._path}: {error.strerror}: no command is done") from error
        self._lines += 1

    def _remember(self, answer: Answer) -> None:
        self._answers[answer.key] = answer
        self._answers.move_to_end(answer.key)
        while len(self._answers) > COMMANDS_MAX:
            self._answers.popitem(last=False)

    def _rewrite(self) -> None:
        replace_file(self._path, b"".join(map(_line, self._answers.values())))
        self._lines = len(self._answers)


def _line(answer: Answer) -> bytes:
    return json.dumps(answer.document()).encode() + b"\n"
