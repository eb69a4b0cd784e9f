"""Messages that can't be understood, whole and with their reason, in a file of JSON lines.

Bounded: at `BYTES_MAX` the file becomes `<name>.1`, replacing the one before; what goes with that
is counted in `forgotten`.
"""

import base64
import json
import logging
from collections import Counter
from pathlib import Path

from tidegate.mqtt.errors import MessageError

log = logging.getLogger("tidegate.mqtt")

BYTES_MAX = 8 << 20


class SetAside:
    """Keeps messages in the file at `path`; `counts` has them by reason."""

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self.counts: Counter[str] = Counter()
        self.forgotten = 0
        self._path, self._bytes_max = path, bytes_max

    def keep(self, topic: str, payload: bytes, error: MessageError, at_ms: int) -> None:
        """Keep one; a disk that does not take it is logged, and the message counted."""
        self.counts[error.reason] += 1
        if self.counts[error.reason] == 1:
            log.warning("message set aside topic=%s reason=%s: %s", topic, error.reason, error)
        line = json.dumps(
            {
                "at_ms": at_ms,
                "reason": error.reason,
                "error": str(error),
                "topic": topic,
                "data": base64.b64encode(payload).decode(),
            }
        )
        try:
            self._make_room(len(line) + 1)
            with self._path.open("a") as stream:
                stream.write(line + "\n")
        except OSError as disk:
            self.forgotten += 1
            log.error("a message can't be set aside: %s", disk)

    def _make_room(self, need_bytes: int) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size + need_bytes > self._bytes_max and size:
            older = self._path.with_name(f"{self._path.name}.1")
            if older.exists():
                with older.open() as stream:
                    self.forgotten += sum(1 for _ in stream)
            self._path.replace(older)
