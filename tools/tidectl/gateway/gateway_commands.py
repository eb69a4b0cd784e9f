"""Have components of gateways do commands, by the cloud's way.

Flow: command -> cmd/tidegauge/<gateway>/<key> -> component -> .../<key>/answer
"""

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.options import json_option, pass_home, target_options
from tidectl.output import err, print_json
from tidectl.target import Target, find_target
from tidectl.thing_command import ask

_TIMEOUT_S, _TIMEOUT_S_MAX = 10.0, 300.0
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


class GatewayCommands:
    """Commands to the gateways of `target`, as the options of a verb say.

    `gateway` is the part of a thing's name before the colon, if None.
    """

    def __init__(
        self, target: Target, *, gateway: str | None, timeout_s: float, as_json: bool
    ) -> None:
        self._target, self._gateway, self._timeout_s = target, gateway, timeout_s
        self.as_json = as_json

    def carry_out(self, thing: str, what: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of the component that has `thing`, printed if `as_json`.

        Raises TidectlError where nobody answers, and with the name `what` where it was not done.
        """
        name = self._gateway or thing.partition(":")[0]
        with err.status(f"waiting for {thing}"):
            request = {**command, "thing": thing}
            answer = ask(self._target, name, request, self._timeout_s, silent_hint=_SILENT)
        if self.as_json:
            print_json({"thing": thing, "command": command, "answer": answer})
        _check_done(f"{thing} {what}", answer)
        return answer


def gateway_commands(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of verbs that give a command, which get `GatewayCommands` of them first."""

    def with_commands(
        home: Home,
        /,
        *,
        gateway: str | None,
        timeout_s: float,
        target: str,
        region: str | None,
        as_json: bool,
        **given: Any,
    ) -> None:
        cloud = find_target(target, home, region=region)
        commands = GatewayCommands(cloud, gateway=gateway, timeout_s=timeout_s, as_json=as_json)
        function(commands, **given)

    update_wrapper(with_commands, function)
    return _answer_options(target_options(json_option(pass_home(with_commands))))


def _answer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    gateway = click.option(
        "--gateway", help="Whose component it is.  [default: the part of THING before the colon]"
    )
    timeout = click.option(
        "--timeout", "timeout_s", type=click.FloatRange(0.1, _TIMEOUT_S_MAX), default=_TIMEOUT_S,
        show_default=True, help="Seconds to wait for the answer.",
    )  # fmt: skip
    return gateway(timeout(function))


def _check_done(what: str, answer: Mapping[str, Any]) -> None:
    outcome = str(answer.get("outcome"))
    if outcome != _DONE:
        detail = answer.get("detail") or "no reason given"
        raise TidectlError(f"{what} is {outcome}: {detail}", _HINTS.get(outcome, "see its log"))
