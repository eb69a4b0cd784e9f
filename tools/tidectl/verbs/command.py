"""`tidectl command`: ask a board something now."""

from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.hearing import warn_of_the_deaf
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import cell_text, err, print_facts, print_json
from tidectl.target import find_target
from tidectl.thing_command import ask

_TIMEOUT_S, _TIMEOUT_S_MAX = 10.0, 300.0
_READ = "read"  # takes the name of a measurement
_COMMANDS = ("ping", _READ, "stats")


@click.command(
    epilog=examples(
        "tidectl command greenhouse-1 ping",
        "tidectl command greenhouse-1 read climate          # what the sensor says now",
        "tidectl command greenhouse-1 stats --json | jq .queued_batches",
    )
)
@click.argument("thing")
@click.argument("name", type=click.Choice(_COMMANDS), metavar="NAME")
@click.argument("arguments", nargs=-1, metavar="[MEASUREMENT]")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1, _TIMEOUT_S_MAX), default=_TIMEOUT_S,
    show_default=True, help="Seconds to wait for the answer.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def command(
    home: Home,
    thing: str,
    name: str,
    arguments: tuple[str, ...],
    timeout_s: float,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Ask a board something now, and print its answer.

    NAME is ping, stats (its counts), or read with a MEASUREMENT, whose sensor is read now and
    not sampled. The board has to be connected, with a section `control` in its configuration.
    """
    request = _request(name, arguments)
    cloud = find_target(target, home, region=region)
    warn_of_the_deaf(home, thing)
    with err.status(f"waiting for {thing}"):
        answer = ask(cloud, thing, request, timeout_s)
    if as_json:
        print_json({"thing": thing, "command": request, "answer": answer})
    if "error" in answer:
        raise TidectlError(
            f"{thing} could not do it: {answer['error']}", "see tidectl config get for its settings"
        )
    if not as_json:
        print_facts([(key, cell_text(value)) for key, value in sorted(answer.items())])


def _request(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    wanted = 1 if name == _READ else 0
    if len(arguments) != wanted:
        raise click.UsageError(
            f"{name} takes {'the name of a measurement' if wanted else 'nothing more'}"
        )
    return {"command": name} | ({"measurement": arguments[0]} if wanted else {})
