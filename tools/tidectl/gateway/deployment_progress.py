"""What to tell while devices are waited for: each change, and at times who is still missing.

Flow: states of a group's devices -> [progress] -> lines for people
"""

from collections.abc import Sequence

from tidectl.gateway.device_state import DeviceState

REMIND_S = 30.0  # a nucleus asks for its deployments that often
NAMES_MAX = 8  # of devices in one line


class DeploymentProgress:
    """One wait of at most `timeout_s`; reminders are for whom no status line is shown."""

    def __init__(
        self, timeout_s: float, *, reminds: bool = True, remind_s: float = REMIND_S
    ) -> None:
        self._timeout_s, self._remind_s = timeout_s, remind_s
        self._remind_at_s = remind_s if reminds else float("inf")
        self._told: dict[str, str] = {}

    def lines(self, states: Sequence[DeviceState], elapsed_s: float) -> list[str]:
        """Return what is new since the last call, `elapsed_s` after the wait began."""
        lines = []
        for one in states:
            if self._told.get(one.device) != one.state:
                self._told[one.device] = one.state
                lines.append(f"{one.device}: {one.state} {one.why}".rstrip())
        missing = [one for one in states if not one.done]
        if missing and elapsed_s >= self._remind_at_s:
            self._remind_at_s = elapsed_s + self._remind_s
            lines.append(
                f"{elapsed_s:.0f} of {self._timeout_s:.0f} s: still waiting for {named(missing)}"
            )
        return lines


def named(states: Sequence[DeviceState]) -> str:
    """Return the devices with their states, the first of them where they are many."""
    names = ", ".join(f"{one.device} ({one.state})" for one in states[:NAMES_MAX])
    more = len(states) - NAMES_MAX
    return f"{names} and {more} more" if more > 0 else names
