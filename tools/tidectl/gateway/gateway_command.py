"""Have a component of a gateway do a command, by the cloud's way.

Flow: command -> cmd/tidegauge/<gateway>/<key> -> component -> .../<key>/answer
"""

from collections.abc import Mapping
from typing import Any

from tidectl.errors import TidectlError
from tidectl.output import err, print_json
from tidectl.target import Target
from tidectl.thing_command import ask

_DONE = "done"
_SILENT = (
    "is its nucleus up, and does the component of that thing take commands of the cloud? "
    "tidectl gateway config COMPONENT --set commands=cloud"
)
_HINTS = {
    "unverified": "it was written: look at the device, or say verify: no for a tag that "
    "can't be read back",
    "failed": "look at the device: it may have been written all the same",
    "refused": "what may be written says the tag map: write_low, write_high, or "
    "write_characters_max for a text; --text where it reads as a number",
    "expired": "give it again; the gateway's clock may be off",
    "unknown": "look at the device: the gateway ended while it wrote",
}


def carry_out(
    target: Target,
    thing: str,
    what: str,
    command: Mapping[str, Any],
    *,
    gateway: str | None,
    timeout_s: float,
    as_json: bool,
) -> dict[str, Any]:
    """Return the answer of the component that has `thing`, printed if `as_json`.

    `gateway` is the part of the thing's name before the colon, if None. Raises TidectlError where
    nobody answers, and with the name `what` where it was not done.
    """
    name = gateway or thing.partition(":")[0]
    with err.status(f"waiting for {thing}"):
        answer = ask(target, name, {**command, "thing": thing}, timeout_s, silent_hint=_SILENT)
    if as_json:
        print_json({"thing": thing, "command": command, "answer": answer})
    _check_done(f"{thing} {what}", answer)
    return answer


def _check_done(what: str, answer: Mapping[str, Any]) -> None:
    outcome = str(answer.get("outcome"))
    if outcome != _DONE:
        detail = answer.get("detail") or "no reason given"
        raise TidectlError(f"{what} is {outcome}: {detail}", _HINTS.get(outcome, "see its log"))
