"""Read what comes by subscriptions into one buffer.

Flow: broker -> link -> [inbox] -> talk
Bounded: of a packet the first `bytes_max` bytes are kept. A longer PUBLISH is skipped and
counted, and still acknowledged: it would come again for ever.
"""

from tidenode import mqtt
from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_QOS = 0x06
_QOS_1 = 0x02


class Inbox:
    """Holds the packet being read. It is `received(topic, payload, packet id)` at its end.

    `topic` is bytes, `payload` a view that is good until `received` returns; None where it was
    too long. The packet id is 0 where the broker wants no acknowledgement. `granted(packet id,
    codes)` is a SUBACK. `too_long` counts what was skipped.
    """

    def __init__(
        self,
        bytes_max: int,
        received: "Callable[[bytes, memoryview | None, int], None]",
        granted: "Callable[[int, bytes], None]",
    ) -> None:
        self.bytes_max = bytes_max
        self.too_long = 0
        self._view = memoryview(bytearray(bytes_max))
        self._used = 0
        self._received = received
        self._granted = granted

    def restart(self) -> None:
        """Forget a packet whose end was lost with its connection."""
        self._used = 0

    def take(self, part: bytes | memoryview) -> None:
        """Keep `part` of a body, as far as there is room."""
        size = min(len(part), len(self._view) - self._used)
        self._view[self._used : self._used + size] = part[:size]
        self._used += size

    def end(self, first: int, length: int) -> None:
        """Hand over the packet of type and flags `first`, of `length` bytes. Raises LinkError."""
        view = self._view[: self._used]
        whole = self._used == length
        self._used = 0
        if len(view) < 2:
            raise LinkError("packet 0x%02x of %d bytes" % (first, length))
        number = view[0] << 8 | view[1]
        if first >> 4 == mqtt.SUBACK:
            self._granted(number, bytes(view[2:]))
            return
        start = 2 + number
        packet_id = 0
        if first & _QOS:
            start += 2
            if len(view) >= start:
                packet_id = view[start - 2] << 8 | view[start - 1]
            if first & _QOS != _QOS_1 or not packet_id:
                raise LinkError("PUBLISH 0x%02x of id %d" % (first, packet_id))
        if len(view) < start:
            raise LinkError("topic of %d bytes in a packet of %d" % (number, length))
        self.too_long += not whole
        self._received(bytes(view[2 : 2 + number]), view[start:] if whole else None, packet_id)
