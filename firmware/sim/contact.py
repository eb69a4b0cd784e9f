"""A contact to ground at a pin: what pulses and digital inputs come from."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RISING, _FALLING = 1, 2
_PULL_UP = 2


class Contact:
    """Open, which leaves the level to the pull, until turned; who watches learns of each edge."""

    def __init__(self) -> None:
        self._closed = False
        self._watchers: list[tuple[Callable[[], None], int]] = []

    def level(self, pull: "int | None") -> int:
        """Return the pin's level."""
        return 0 if self._closed else int(pull == _PULL_UP)

    def watch(self, handler: "Callable[[], None]", trigger: int) -> None:
        """Have `handler` called at edges of `trigger`."""
        self._watchers.append((handler, trigger))

    def turn(self) -> None:
        """Close the contact, or open it."""
        self._closed = not self._closed
        edge = _FALLING if self._closed else _RISING
        for handler, trigger in self._watchers:
            if trigger & edge:
                handler()


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a contact at its pin of `board` that is turned again and again."""
    contact = Contact()
    board.parts[options["pin"]] = contact
    world.every(250, contact.turn)
