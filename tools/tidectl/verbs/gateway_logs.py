"""`tidectl gateway logs`: what components write."""

import click

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import full_name
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.log_file import last_lines, new_lines
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import print_json

LINES = 40


@click.command(
    epilog=examples(
        "tidectl gateway logs                      # the nucleus itself",
        "tidectl gateway logs modbus_adapter --follow",
        "tidectl gateway logs io.tidegauge.HostMetrics --lines 200",
    )
)
@click.argument("component", required=False)
@click.option("--lines", type=click.IntRange(0, 100_000), default=LINES, show_default=True,
              help="How many of the last lines.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@thing_option
@json_option
@pass_home
def command(
    home: Home,
    component: str | None,
    lines: int,
    follow: bool,
    thing: str | None,
    as_json: bool,
) -> None:
    """Show what a component writes, by its name or its folder's; else what the nucleus does.

    With --json one document of the last lines; with --follow lines, always.
    """
    local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
    path = local.log_path
    if component:
        path = local.component_log(full_name(component))
    if not path.exists() and not follow:
        known = sorted(one.stem for one in path.parent.glob("*.log"))
        raise TidectlError(f"there is no log {path}", f"there are {', '.join(known) or 'none'}")
    if as_json and not follow:
        print_json({"path": str(path), "lines": last_lines(path, lines)})
        return
    for line in last_lines(path, lines):
        click.echo(line)
    if follow:
        try:
            for line in new_lines(path):
                click.echo(line)
        except KeyboardInterrupt:
            return  # how one ends it
