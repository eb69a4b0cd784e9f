"""Say how the board does."""

import gc
import os

from tidenode.control import reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.jobs import Job


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return counts and sizes."""
    control = job.control
    gc.collect()
    flash = os.statvfs("/")
    facts = reported.state(control)
    stats = control.agent.stats()
    found = {key: facts[key] for key in ("boot", "firmware", "reset_cause", "uptime_s")}
    found["heap_free_bytes"] = gc.mem_free()  # type: ignore[attr-defined]  # MicroPython's
    free_blocks = flash[3] if flash[3] <= flash[2] else 0  # full, it may say minus a few, unsigned
    found["flash_free_bytes"] = flash[0] * free_blocks
    found["sampled_acknowledged_dropped"] = "%s %s %s" % (
        stats["sampled"],
        stats["acknowledged"],
        stats["dropped"],
    )
    found["connects_failures"] = "%s %d" % (stats["connects"], control.uplink.failures)
    errors = ["%s:%d" % (sampler.name, sampler.errors) for sampler in control.samplers]
    found["sensor_errors"] = " ".join(errors) or "no sensors"  # a detail may not be empty
    found["messages_dropped_too_long"] = "%d %d" % (
        control.dropped + control.talk.dropped,
        control.talk.inbox.too_long,
    )
    return "SUCCEEDED", {key: str(value) for key, value in found.items()}
