"""Ask a thing something, and wait for its answer.

Flow: command -> cmd/tidegauge/<thing>/<id> -> board -> .../<id>/answer
A command is for a board that is connected now; what is to outlast its absence is a job.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tidectl.errors import TidectlError
from tidectl.operator_link import OperatorLink
from tidectl.target import Target

_PREFIX = "cmd/tidegauge"
_SILENT_BOARD = (
    "is it connected (tidectl status), and has its configuration a section `control`? "
    "What may wait for it: tidectl job create"
)


def ask(
    target: Target,
    thing: str,
    command: Mapping[str, Any],
    timeout_s: float,
    *,
    silent_hint: str = _SILENT_BOARD,
) -> dict[str, Any]:
    """Return the answer of `thing`, which has `error` where it could not do it.

    Raises TidectlError where there is no such thing, or none comes within `timeout_s`, with
    `silent_hint` what to do then.
    """
    iot = target.client("iot")
    try:
        iot.describe_thing(thingName=thing)
    except iot.exceptions.ResourceNotFoundException as error:
        raise TidectlError(f"there is no thing {thing}", "see tidectl status") from error
    topic = f"{_PREFIX}/{thing}/{uuid.uuid4().hex}"
    with OperatorLink(target) as link:
        link.subscribe(f"{topic}/answer")
        link.publish(topic, json.dumps(command).encode())
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = link.receive(left_s)
            if message and message[0] == f"{topic}/answer":
                return _read(thing, message[1])
    raise TidectlError(f"{thing} did not answer in {timeout_s:g} s", silent_hint)


def _read(thing: str, payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TidectlError(
            f"{thing} answered what can't be read, {len(payload)} bytes", "update its firmware"
        )
    return answer
