"""Send the newest lines of the log; `lines` in the document says how many at the most.

A board that has logged nothing says so, and what there is to know of its start.
"""

import machine

from tidenode import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.jobs import Job

# What `machine` calls the causes of a reset, and what people do.
_CAUSES = (
    ("PWRON_RESET", "power on"),
    ("HARD_RESET", "hard reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep sleep"),
    ("SOFT_RESET", "soft reset"),
)


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return the lines, each a detail of its own: AWS IoT takes no line breaks in one."""
    wanted = job.document.get("lines")
    lines = log.kept(wanted if isinstance(wanted, int) and wanted > 0 else log.KEPT_MAX)
    if not lines:
        return "SUCCEEDED", silent(job)
    return "SUCCEEDED", {"line_%d" % number: line for number, line in enumerate(lines, 1)}


def silent(job: "Job") -> "dict[str, str]":
    """Return what stands for no lines at all."""
    control = job.control
    return {
        "log": "nothing was logged since the start",
        "boot": str(control.boot),
        "reset_cause": cause_of(machine.reset_cause()),
        "uptime_s": str(control.clock.monotonic_ms() // 1_000),
    }


def cause_of(number: int) -> str:
    """Return the cause of a reset in words."""
    for name, words in _CAUSES:
        if getattr(machine, name, None) == number:
            return words
    return "unknown cause %d" % number
