"""`tidectl deploy`: bring a stack to what the checkout says."""

import sys
from typing import Any, Self

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, print_table, say
from tidectl.stack import Change, Event, Stack, first_plan
from tidectl.target import LOCAL, find_target

_MARKS = {"COMPLETE": "[green]done[/]", "FAILED": "[red]FAILED[/]"}


class EventLine:
    """Shows a deployment's newest step beside a spinner, and its failures for good.

    Where there is no terminal, each finished step is a line.
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._status = err.status(doing)

    def show(self, event: Event) -> None:
        """Show one step."""
        result = event.status.rpartition("_")[2]
        text = f"{event.resource} {event.status.lower().replace('_', ' ')}"
        if result == "FAILED":
            say(f"{_MARKS[result]} {event.resource}: {escape(event.reason)}")
        elif not sys.stderr.isatty() and result == "COMPLETE":
            say(f"{_MARKS[result]} {event.resource} {event.type}")
        self._status.update(f"{self._doing}: {text}")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()


@click.command(
    epilog=examples(
        "tidectl deploy --target local",
        "tidectl deploy --target aws --dry-run",
        "tidectl deploy --target aws -p VpcId=vpc-0a1b -p SubnetIds=subnet-1,subnet-2 \\",
        "    -p RouteTableIds=rtb-3",
        "tidectl deploy --target aws -p StoreEngine=liveanalytics",
    )
)
@target_options
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="KEY=VALUE",
    help="A parameter of the template; what is not given stays as it was.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
@pass_home
def command(
    home: Home,
    target: str,
    region: str | None,
    parameters: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Deploy the stack to the local cloud or to AWS.

    The same template, functions and calls for both. What would change is computed first; when a
    resource fails, its reason is told and CloudFormation takes the change back.
    """
    given = dict(_pair(text) for text in parameters)
    if dry_run:
        _show_plan(home, target, region, given, as_json)
        return
    cloud = find_target(target, home, region=region)
    with EventLine(f"deploying to {cloud}") as line:
        deployment = Stack(cloud, given).deploy(line.show)
    count = len(deployment.changes)
    say(f"deployed to {cloud}, {count} resources changed" if count else f"{cloud} is up to date")
    if as_json:
        print_json({"changes": _documents(deployment.changes), "outputs": dict(deployment.outputs)})
    else:
        print_table(("output", "value"), sorted(deployment.outputs.items()))


def _show_plan(
    home: Home, target: str, region: str | None, given: dict[str, str], as_json: bool
) -> None:
    try:
        cloud = find_target(target, home, region=region)
        cloud.account()
    except TidectlError as error:
        # A plan is worth having before there is an account: then it is that of a first time.
        say(f"[yellow]not compared with a stack:[/] {escape(str(error))}")
        changes = first_plan({"StoreScheme": "http"} | given if target == LOCAL else given)
    else:
        changes = Stack(cloud, given).plan()
    if as_json:
        print_json({"changes": _documents(changes)})
    elif changes:
        rows = [(c.action, c.resource, c.type, "replaced" if c.replaces else "") for c in changes]
        print_table(("action", "resource", "type", ""), rows)
        say(f"{len(changes)} changes, none made")
    else:
        say("nothing would change")


def _documents(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    return [
        {"action": c.action, "resource": c.resource, "type": c.type, "replaces": c.replaces}
        for c in changes
    ]


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--parameter")
    return key, value
