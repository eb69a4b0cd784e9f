"""In the place of the outbox, for a start that an update has for itself: what waits, waits on."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class NoOutbox:
    """It holds nothing, so that the heap of one is the update's."""

    accepted = dropped = 0

    def __init__(self) -> None:
        self.pushed: Callable[[], None] | None = None

    def __len__(self) -> int:
        return 0

    def next_after(self, _sequence: int) -> None:
        """There is none."""

    def sync(self, _patient: bool = True) -> None:
        """Nothing waits for it."""

    def settle(self) -> None:
        """Nothing was acknowledged."""

    def sync_if_old(self) -> None:
        """Nothing waits for it."""
