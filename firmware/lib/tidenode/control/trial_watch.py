"""See whether the settings on trial prove themselves; without them the board starts anew."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.dispatcher import Control

_CHECK_MS = 50


async def watch(control: "Control") -> None:
    """Keep them once the board was connected for `healthy_s`; else restart after `trial_s`."""
    healthy_ms, since_ms = control.limits.healthy_s * 1_000, None
    for _ in range(control.limits.trial_s * 1_000 // _CHECK_MS):
        await asyncio.sleep_ms(_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
        now_ms = control.clock.monotonic_ms()
        if not control.talk.begun:
            since_ms = None
        elif since_ms is None:
            since_ms = now_ms
        elif now_ms - since_ms >= healthy_ms:
            control.load("control.trial").confirm()
            control.on_trial = False
            control.begin()
            return
    control.warn("the new settings did not connect in %d s" % control.limits.trial_s)
    await control.restart()
