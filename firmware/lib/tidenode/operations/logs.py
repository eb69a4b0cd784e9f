"""Send the newest lines of the log; `lines` in the document says how many at the most."""

from tidenode import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.jobs import Job


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return the lines, each a detail of its own: AWS IoT takes no line breaks in one."""
    wanted = job.document.get("lines", log.KEPT_MAX)
    lines = log.kept(wanted if isinstance(wanted, int) else log.KEPT_MAX)
    return "SUCCEEDED", {"line_%d" % number: line for number, line in enumerate(lines, 1)}
