"""Number the publishes in flight and remember which batch each one carries.

Pure. Bounded: at `size` unacknowledged publishes, `full` says to wait.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.entry import Entry

_ID_MAX = 65_534  # 65,535 is for subscribing, see talk


class Window:
    """The unacknowledged publishes, oldest first.

    Ids run 1 to 65,534 and around, skipping those in flight, so that no id means two
    batches at once.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._last_id = 0
        self._flying: list[tuple[int, Entry]] = []  # in order of sending
        self._sent_at_ms: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def full(self) -> bool:
        """Whether another publish has to wait for an acknowledgement."""
        return len(self._flying) >= self._size

    def send(self, entry: "Entry", now_ms: int) -> int:
        """Take `entry` in flight; return its packet id."""
        packet_id = self._last_id
        while True:
            packet_id = packet_id % _ID_MAX + 1
            if packet_id not in self._sent_at_ms:
                break
        self._last_id = packet_id
        self._flying.append((packet_id, entry))
        self._sent_at_ms[packet_id] = now_ms
        return packet_id

    def sent_again(self, packet_id: int, now_ms: int) -> None:
        """Restart the wait for the acknowledgement of `packet_id`."""
        self._sent_at_ms[packet_id] = now_ms

    def acknowledge(self, packet_id: int) -> "Entry | None":
        """End the flight of `packet_id`; None where it isn't in flight (acknowledged twice)."""
        if self._sent_at_ms.pop(packet_id, None) is None:
            return None
        for position, (flying_id, entry) in enumerate(self._flying):
            if flying_id == packet_id:
                self._flying.pop(position)
                return entry
        return None

    def in_flight(self) -> "list[tuple[int, Entry]]":
        """Return (packet id, entry) of each publish, in order of sending."""
        return list(self._flying)

    def oldest_sent_at_ms(self) -> int | None:
        """Return when the publish that waits longest was sent; None when none waits."""
        return min(self._sent_at_ms.values()) if self._sent_at_ms else None

    def clear(self) -> None:
        """Forget every flight: the broker has no session, so nothing is in flight."""
        self._flying.clear()
        self._sent_at_ms.clear()
