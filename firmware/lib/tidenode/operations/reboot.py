"""Start the board anew; done when it is back."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.jobs import Job


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return SUCCEEDED in the start after the one that was asked."""
    if not job.restarted:
        await job.restart({})
    return "SUCCEEDED", {"boot": str(job.control.boot)}
