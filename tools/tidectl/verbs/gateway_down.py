"""`tidectl gateway down`: end the nucleus on this machine."""

import click

from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.home import Home
from tidectl.options import examples, pass_home
from tidectl.output import err, say


@click.command(epilog=examples("tidectl gateway down", "tidectl gateway down --thing gateway-2"))
@thing_option
@pass_home
def command(home: Home, thing: str | None) -> None:
    """End the nucleus on this machine; what it keeps stays.

    Its components end as on a device: their shutdown runs, then SIGTERM. What waits in their
    outboxes is sent after the next `tidectl gateway up`. The local cloud goes on.
    """
    device = chosen_gateway(home, thing)
    with err.status("ending the nucleus"):
        ended = LocalNucleus(device.nucleus_root).stop()
    say(f"nucleus of {device.thing} ended" if ended else "no nucleus is running")
