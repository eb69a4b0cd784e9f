"""Note that a start came to something, which ends a streak of those that did not.

Flow: uplink -> [proof] -> streak
"""

import asyncio

from tidenode.forgetting import forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROOF_MS_MIN = 60_000  # what crashes sooner has proved nothing, even if it was connected
PROOF_MS_MAX = 600_000  # without a network it is enough to have run so long
_CHECK_MS = 1_000


async def prove_when_healthy(
    boot: int, uplink: "Any", min_ms: int = PROOF_MS_MIN, max_ms: int = PROOF_MS_MAX
) -> None:
    """Note it once the broker has acknowledged something, or it has run long enough."""
    for run_ms in range(0, max_ms, _CHECK_MS):
        if run_ms >= min_ms and uplink.acknowledged:
            break
        await asyncio.sleep_ms(_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
    prove(boot)


def prove(boot: int) -> None:
    """Note that `boot` proved itself."""
    from tidenode import streak

    streak.prove(boot)
    forget("streak")
