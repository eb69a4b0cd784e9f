"""Options and choices that several of the gateway's verbs share."""

from collections.abc import Callable
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.gateway.core_device import CoreDevice, core_device, core_devices
from tidectl.home import Home

DEFAULT_THING = "gateway-1"
_TIMEOUT_S, _TIMEOUT_S_MAX = 10.0, 300.0

thing_option = click.option(
    "--thing", help="Which gateway of this machine, when there are several."
)


def answer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of verbs that wait for a gateway's answer."""
    gateway = click.option(
        "--gateway", help="Whose component it is.  [default: the part of THING before the colon]"
    )
    timeout = click.option(
        "--timeout", "timeout_s", type=click.FloatRange(0.1, _TIMEOUT_S_MAX), default=_TIMEOUT_S,
        show_default=True, help="Seconds to wait for the answer.",
    )  # fmt: skip
    return gateway(timeout(function))


def chosen_gateway(home: Home, thing: str | None) -> CoreDevice:
    """Return the gateway of that name, or the only one; raises `TidectlError`."""
    if thing:
        device = core_device(home, thing)
        device.facts()  # complains when there is none
        return device
    devices = core_devices(home)
    here = [device for device in devices if device.nucleus_root.exists()] or devices
    if not here:
        raise TidectlError(f"there is no gateway in {home.path}", "make one: tidectl gateway up")
    if len(here) > 1:
        names = ", ".join(device.thing for device in here)
        raise TidectlError(f"there are several gateways: {names}", "choose one: --thing")
    return here[0]
