"""What an OPC UA server's clock shows, while the gateway's may show something else.

Flow: current time of the server, publish times -> [server clock] -> instants of what has none
A sample of source instants must not be followed by one of the gateway's: where the server's clock
is an hour behind, all that it tells in the hour after would seem to be late.
"""

import logging
from datetime import UTC, datetime

log = logging.getLogger("tidegate.opcua")

APART_NS = 1_000_000_000  # less is the way of the message
WORTH_TELLING_NS = 60_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)  # before it, a server tells that it has no clock


class ServerClock:
    """The clock of one server; `ahead_ns` is what it is before the gateway's, 0 for about none.

    `steps` counts how often it was set. Where samples have the gateway's instants, it is never
    asked (`is_followed` False).
    """

    def __init__(self, *, is_followed: bool = True) -> None:
        self.ahead_ns = self.steps = 0
        self._is_followed = is_followed
        self._heard = False

    def hear(self, told: datetime | None, now_ns: int) -> None:
        """Take what the server says the time is; `now_ns` is the gateway's."""
        if told is not None and told.tzinfo is None:
            told = told.replace(tzinfo=UTC)
        if not self._is_followed or told is None or told < _OLDEST:
            return
        before_ns, self.ahead_ns = self.ahead_ns, ns_of(told) - now_ns
        if abs(self.ahead_ns) < APART_NS:
            self.ahead_ns = 0
        moved_ns = self.ahead_ns - before_ns
        if self._heard and abs(moved_ns) >= 2 * APART_NS:
            self.steps += 1
            log.warning("server's clock was set by %+.0f s", moved_ns / 1e9)
        elif not self._heard and abs(self.ahead_ns) >= WORTH_TELLING_NS:
            log.warning(
                "server's clock is %+.0f s from the gateway's: samples have its time, and the store"
                " takes none from 10 minutes ahead on; set it, or say times: gateway",
                self.ahead_ns / 1e9,
            )
        self._heard = True

    def at(self, now_ns: int) -> int:
        """Return what it shows at an instant of the gateway."""
        return now_ns + self.ahead_ns


def ns_of(instant: datetime) -> int:
    """Return an instant as epoch nanoseconds; one without a zone is UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    passed = instant - _EPOCH
    return ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000
