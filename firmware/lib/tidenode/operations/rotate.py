"""Get another certificate; done when the board runs with it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.jobs import Job


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return SUCCEEDED once the certificate is another one, FAILED where the old one stayed."""
    from tidenode import identity

    now = fingerprint(identity.read(identity.CERTIFICATE))
    if not job.restarted:
        identity.want_rotation()
        await job.restart({"certificate": now})
    if now == job.details.get("certificate"):
        return "FAILED", {"reason": "the old certificate stays: %s" % _why(identity)}
    return "SUCCEEDED", {"certificate": now}


def _why(identity: "Any") -> str:
    try:
        return str(identity.read(identity.FAILURE), "utf-8")
    except OSError:
        return "its power went too often"


def fingerprint(certificate: bytes) -> str:
    """Return what AWS IoT calls a certificate."""
    import hashlib
    from binascii import hexlify

    return hexlify(hashlib.sha256(certificate).digest()).decode()
