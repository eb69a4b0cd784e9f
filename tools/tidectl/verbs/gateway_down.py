"""`tidectl gateway down`: end the nucleus on this machine."""

import click

from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say


@click.command(epilog=examples("tidectl gateway down", "tidectl gateway down --thing gateway-2"))
@thing_option
@json_option
@pass_home
def command(home: Home, thing: str | None, as_json: bool) -> None:
    """End the nucleus on this machine; what it keeps stays.

    Its components end as on a device: their shutdown runs, then SIGTERM. What waits in their
    outboxes is sent after the next `tidectl gateway up`. The local cloud goes on.
    """
    device = chosen_gateway(home, thing)
    with err.status("ending the nucleus"):
        ended = LocalNucleus(device.nucleus_root).stop()
    if as_json:
        print_json({"thing": device.thing, "ended": ended})
    else:
        say(f"nucleus of {device.thing} ended" if ended else "no nucleus is running")
