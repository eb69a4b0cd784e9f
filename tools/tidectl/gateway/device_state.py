"""How far a device is with a deployment."""

from dataclasses import dataclass

DONE_STATES = frozenset({"SUCCEEDED", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "REJECTED"})
GOOD_STATES = frozenset({"SUCCEEDED", "COMPLETED"})
UNSEEN = "WAITING"  # beside Greengrass's own: the cloud knows of none yet


@dataclass(frozen=True, slots=True)
class DeviceState:
    """How far one device is with a deployment."""

    device: str
    state: str
    why: str = ""
    deployment: str = ""

    @property
    def done(self) -> bool:
        """Whether it goes no further."""
        return self.state in DONE_STATES

    @property
    def good(self) -> bool:
        """Whether it has what was deployed."""
        return self.state in GOOD_STATES
