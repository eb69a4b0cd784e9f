"""Wait for the first values of components in the store.

A component whose things are known (its tag map says them) has to bring some itself; of another
nobody knows what it will send, so that whatever arrives will do.
"""

import time
from collections.abc import Mapping, Sequence

from tidectl.arrivals import Arrivals
from tidectl.query_api import QueryApi

VALUES_S_MAX = 90.0
OTHERS_S_MAX = 20.0  # after the first values: an adapter whose devices are away brings none
_POLL_S = 0.5


def first_values(
    api: QueryApi,
    things: Mapping[str, Sequence[str]],
    *,
    from_ms: int,
    others_s_max: float = OTHERS_S_MAX,
) -> tuple[list[str], list[str]]:
    """Return `thing/measurement` of what is stored since, and the components that brought none.

    `things` are those of each component, none where they are not known.
    """
    arrivals = Arrivals(api, from_ms=from_ms)
    found: set[str] = set()
    heard: set[str] = set()
    deadline = time.monotonic() + VALUES_S_MAX
    while True:
        # Arrivals looks back, for what comes late; what was there before is no answer.
        fresh = [entry for entry in arrivals.poll() if entry.stored_at_ms >= from_ms]
        if fresh and not found:
            deadline = min(deadline, time.monotonic() + others_s_max)
        found |= {f"{entry.thing}/{entry.measurement}" for entry in fresh}
        heard |= {entry.thing for entry in fresh}
        silent = [name for name, own in things.items() if own and heard.isdisjoint(own)]
        if (found and not silent) or time.monotonic() > deadline:
            return sorted(found), silent
        time.sleep(_POLL_S)
