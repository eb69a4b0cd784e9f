"""Ask AWS IoT for the blocks of a file, over the connection that is there already.

Flow: fetch -> [stream] -> `get/json` ~> broker ~> `data/json` -> the block
Bounded: one block is asked for at a time. While there is no connection it waits, and asks anew in
the next one; a question without an answer is asked TRIES_MAX times.
Topics and fields: AWS IoT Core, "Using AWS IoT MQTT-based file delivery".
"""

import asyncio
import binascii
import json

from tidenode.update.errors import UpdateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TRIES_MAX = 12
ANSWER_TIMEOUT_MS = 10_000
OFFLINE_PAUSE_MS = 1_000
BLOCK_BYTES_MIN = 256  # AWS's
_OVERHEAD_BYTES = 256  # topic, field names and numbers around a block


class FileStream:
    """The file that `file` describes, as a job document has it: stream, version, file, bytes.

    `things` is `$aws/things/<thing>/`; `publish(topic, payload)` says whether there is a
    connection. Whoever has the subscriptions to `filters` calls `heard`.
    """

    def __init__(
        self,
        *,
        things: str,
        file: "dict[str, Any]",
        block_bytes: int,
        publish: "Callable[[str, str], bool]",
        answer_timeout_ms: int = ANSWER_TIMEOUT_MS,
        offline_pause_ms: int = OFFLINE_PAUSE_MS,
    ) -> None:
        self._streams = things + "streams/"
        try:
            self.base = "%s%s/" % (self._streams, file["stream"])
            self.size_bytes = int(file["bytes"])
            self._file = int(file["file"])
            self._version = int(file["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise UpdateError("the job names no file: %r" % error)
        self.block_bytes = block_bytes
        self._publish = publish
        self._answer_timeout_ms = answer_timeout_ms
        self._offline_pause_ms = offline_pause_ms
        self._wanted = -1
        self._block: bytes | None = None
        self._refusal = ""
        self._answered = asyncio.Event()

    def filters(self) -> "list[str]":
        """Return what to subscribe to, the same for all streams: AWS IoT takes 50 in a connection.

        Answers alone: else each question came back as well.
        """
        return [self._streams + "+/data/json", self._streams + "+/rejected/json"]

    async def fetch(self, number: int) -> bytes:
        """Return block `number`. Raises UpdateError where it can't be had."""
        self._block, self._refusal, self._wanted = None, "", number
        question = json.dumps(
            {"s": self._version, "f": self._file, "l": self.block_bytes, "o": number, "n": 1}
        )
        tries = 0
        while tries < TRIES_MAX:
            self._answered.clear()
            if not self._publish(self.base + "get/json", question):
                await asyncio.sleep_ms(self._offline_pause_ms)  # type: ignore[attr-defined]  # MicroPython's
                continue
            tries += 1
            try:
                await asyncio.wait_for_ms(  # type: ignore[attr-defined]  # MicroPython's
                    self._answered.wait(), self._answer_timeout_ms
                )
            except asyncio.TimeoutError:
                continue
            if self._refusal:
                raise UpdateError("block %d: %s" % (number, self._refusal))
            if self._block is not None:
                block, self._block, self._wanted = self._block, None, -1
                return block
        raise UpdateError("block %d was asked for %d times" % (number, tries))

    def heard(self, topic: str, payload: "memoryview | None") -> None:
        """Take what came on a topic of this stream. Raises ValueError where it is garbage."""
        if payload is None or self._wanted < 0 or not topic.startswith(self.base):
            return  # too long for the buffer, or nobody waits, or another stream's
        document = json.loads(bytes(payload))
        if topic.endswith("/rejected/json"):
            self._refusal = "%s %s" % (document.get("o"), document.get("m"))
        elif not topic.endswith("/data/json") or document.get("i") != self._wanted:
            return
        elif document.get("f") == self._file:
            self._block = binascii.a2b_base64(document["p"])
        self._answered.set()


def block_bytes_for(inbox_bytes: int) -> int:
    """Return the size of a block whose message fits into `inbox_bytes`."""
    return max(BLOCK_BYTES_MIN, (inbox_bytes - _OVERHEAD_BYTES) * 3 // 4 // 256 * 256)
