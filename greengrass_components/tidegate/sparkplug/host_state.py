"""What a Sparkplug host application tells of itself: whether nodes are heard.

A node that names this host as its primary one keeps its data while it is offline, and sends it
when it is back (Sparkplug 3.0, "Host Application State").
"""

import json
from dataclasses import dataclass

from tidegate.sparkplug.host import NAMESPACE


@dataclass(frozen=True, slots=True)
class HostState:
    """The state of one session; its birth and its death have the same instant."""

    host: str
    since_ms: int

    @property
    def topic(self) -> str:
        """Return where it is retained."""
        return f"{NAMESPACE}/STATE/{self.host}"

    def payload(self, *, online: bool) -> bytes:
        """Return the message."""
        return json.dumps({"online": online, "timestamp": self.since_ms}).encode()
