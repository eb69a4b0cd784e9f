"""Options and choices that several of the gateway's verbs share."""

import click

from tidectl.errors import TidectlError
from tidectl.gateway.core_device import CoreDevice, core_device, core_devices
from tidectl.home import Home

DEFAULT_THING = "gateway-1"

thing_option = click.option(
    "--thing", help="Which gateway of this machine, when there are several."
)


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
