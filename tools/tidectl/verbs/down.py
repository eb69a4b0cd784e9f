"""`tidectl down`: end the local cloud."""

import click

from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.options import examples, pass_home
from tidectl.output import err, say


@click.command(epilog=examples("tidectl down"))
@pass_home
def command(home: Home) -> None:
    """End the local cloud; what it keeps stays.

    Things, samples and the stack are there again after the next `tidectl up`. To throw them
    away, remove the directory of --home.
    """
    with err.status("ending the local cloud"):
        ended = LocalProcess(home).stop()
    say("local cloud ended" if ended else "no local cloud is running")
