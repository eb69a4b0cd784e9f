"""Get a thing another certificate, made for a key of its board's own, and end the old one.

Flow: job rotate -> board asks, proves the new one -> [rotation] -> registry
The old certificate is good until it is revoked here: that the job has succeeded is the board's
own word, which it gave over a connection made with the new one.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from tidectl.errors import TidectlError
from tidectl.identity import certificate_der
from tidectl.jobs import Execution, Jobs, Rollout
from tidectl.registry import Registry
from tidectl.target import Target
from tidectl.thing import ON_BOARD, ThingFolder

OPERATION = "rotate"
JOB_BEGIN = f"tidegauge-{OPERATION}-"


@dataclass(frozen=True, slots=True)
class Rotated:
    """ARNs of the thing's certificates: the one it has connected with, and the others."""

    new: str
    old: tuple[str, ...]


def begin(target: Target, thing: str, timeout_minutes: int) -> str:
    """Have the board of `thing` rotate; return the job. Raises TidectlError."""
    rollout = Rollout(timeout_minutes=timeout_minutes)
    document = {"operation": OPERATION}
    return Jobs(target).create(
        JOB_BEGIN, document, [thing], [], rollout=rollout, description=OPERATION
    )


def ended(target: Target, job: str, execution: Execution, before: Collection[str] = ()) -> Rotated:
    """Return what a rotation that has succeeded left; raises TidectlError.

    Nothing is believed of the board but which of the thing's own certificates, of those made
    since the job was, is the new one. `before` are those that it had, where they are known.
    """
    thing = execution.thing
    if execution.status != "SUCCEEDED":
        raise TidectlError(
            f"{thing} did not rotate ({execution.status.lower()}): "
            f"{execution.details.get('reason', 'no reason given')}",
            f"its old certificate stays; see tidectl job create logs --thing {thing} --wait",
        )
    said = execution.details.get("certificate", "")
    certificates = Registry(target).certificates(thing)
    new = [arn for arn in certificates if said and arn.rpartition("/")[2] == said]
    if not new:
        raise TidectlError(
            f"{thing} says that its certificate is {said[:12] or 'none'}, which is not one of its",
            "nothing was revoked; see the certificates of the thing in the console",
        )
    iot = target.client("iot")
    facts = iot.describe_certificate(certificateId=said)["certificateDescription"]
    made_at = target.client("iot").describe_job(jobId=job)["job"]["createdAt"]
    # The job's time is of whole seconds.
    if new[0] in before or facts["creationDate"] < made_at:
        raise TidectlError(
            f"the certificate {said[:12]} that {thing} names is older than {job}",
            "nothing was revoked; was the job answered by something else than its board?",
        )
    if facts["status"] != "ACTIVE":
        raise TidectlError(
            f"the new certificate {said[:12]} of {thing} is {facts['status']}",
            "nothing was revoked; activate it in the console",
        )
    return Rotated(new[0], tuple(arn for arn in certificates if arn != new[0]))


def revoke(target: Target, thing: str, arns: tuple[str, ...]) -> None:
    """Deactivate and delete certificates of `thing`: who has their keys is locked out."""
    registry = Registry(target)
    for arn in arns:
        registry.revoke(thing, arn)


def note(target: Target, folder: ThingFolder, new: str) -> None:
    """Note in the thing's folder, if it is here, that its key is on its board alone."""
    if not (folder.path / "thing.json").exists():
        return
    facts = folder.facts()
    if facts["target"] != target.name:
        return  # another cloud's thing of the same name
    certificate_id = new.rpartition("/")[2]
    found = target.client("iot").describe_certificate(certificateId=certificate_id)
    pem = found["certificateDescription"]["certificatePem"]
    facts |= {"identity": ON_BOARD, "certificate_id": certificate_id, "certificate_arn": new}
    folder.write("cert.der", certificate_der(pem))
    folder.write("thing.json", json.dumps(facts, indent=2).encode() + b"\n")
    folder.key_path.unlink(missing_ok=True)  # of the old one: it is no use any more
