"""Send the newest lines of the log; `lines` in the document says how many at the most."""

from tidenode import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.jobs import Job


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return the lines, `lines_1` before `lines_2`."""
    wanted = job.document.get("lines", log.KEPT_MAX)
    lines = log.kept(wanted if isinstance(wanted, int) else log.KEPT_MAX)
    return "SUCCEEDED", packed(lines)


def packed(lines: "list[str]", characters_max: int = 1_000) -> "dict[str, str]":
    """Return texts of at most `characters_max` with whole lines in them."""
    texts = [""]
    for line in lines:
        if texts[-1] and len(texts[-1]) + 1 + len(line) > characters_max:
            texts.append("")
        texts[-1] += ("\n" if texts[-1] else "") + line[:characters_max]
    return {"lines_%d" % number: text for number, text in enumerate(texts, 1)}
