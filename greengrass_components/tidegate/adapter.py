"""What the poller asks of a protocol."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tidegate.group import Group
from tidegate.sample import Sample, Value

Deliver = Callable[[Sample], None]


class Adapter(Protocol):
    """One connection to devices of one protocol."""

    async def connect(self) -> None:
        """Connect; raises `GateError`."""
        ...

    def plan(self, group: Group) -> Sequence[str]:
        """Return the requests of one reading of `group`, a line each; raises `GateError`."""
        ...

    async def poll(self, group: Group) -> Sample:
        """Read the group once; raises `GateError` when the unit does not answer."""
        ...

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        """Have the device tell changes, until cancelled."""
        ...

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write the value of a field; raises `GateError`."""
        ...

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        ...
