"""Make a total that only rises out of a counter that rolls over or begins again."""

from dataclasses import dataclass

from tidegate.errors import GateError

_STRIDE_PART = 2  # a step of more than half the counter's range is a restart, not a roll-over


@dataclass(frozen=True, slots=True)
class CounterState:
    """What a counter must remember over a restart of the gateway."""

    raw: int
    total: int


class Counter:
    """A counter of `modulus` states (65,536 for one of 16 bits).

    From one reading to the next it is taken to have gone forward by less than half its range: so
    a reading below the one before is a roll-over if that is a short way forward, else the device
    has begun again from 0 and the reading is what it has counted since. The first total is the
    first reading, or goes on from `state`. Raises `GateError` for a modulus below 2 or a reading
    outside the range.
    """

    def __init__(self, modulus: int, state: CounterState | None = None) -> None:
        if modulus < 2:  # noqa: PLR2004  a counter has two states at least
            raise GateError(f"a counter's modulus is {modulus}, it must be 2 or more")
        self.modulus = modulus
        self.state = state
        self.rollovers = self.restarts = 0

    def total(self, raw: int) -> int:
        """Return the total that the next reading makes."""
        if not 0 <= raw < self.modulus:
            raise GateError(f"a counter reads {raw}, it must be 0 to {self.modulus - 1}")
        if self.state is None:
            self.state = CounterState(raw, raw)
            return raw
        step = (raw - self.state.raw) % self.modulus
        if raw < self.state.raw:
            if step * _STRIDE_PART > self.modulus:
                step = raw
                self.restarts += 1
            else:
                self.rollovers += 1
        self.state = CounterState(raw, self.state.total + step)
        return self.state.total
