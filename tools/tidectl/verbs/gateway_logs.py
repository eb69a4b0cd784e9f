"""`tidectl gateway logs`: what components write."""

import click

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import COMPONENTS, find_source
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.log_file import last_lines, new_lines
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.home import Home
from tidectl.options import examples, pass_home

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
@pass_home
def command(home: Home, component: str | None, lines: int, follow: bool, thing: str | None) -> None:
    """Show what a component writes, by its name or its folder's; else what the nucleus does."""
    local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
    path = local.log_path
    if component:
        in_checkout = (COMPONENTS / component / "recipe.yaml").exists()
        path = local.component_log(find_source(component).name if in_checkout else component)
    if not path.exists() and not follow:
        known = sorted(one.stem for one in path.parent.glob("*.log"))
        raise TidectlError(f"there is no log {path}", f"there are {', '.join(known) or 'none'}")
    for line in last_lines(path, lines):
        click.echo(line)
    if follow:
        try:
            for line in new_lines(path):
                click.echo(line)
        except KeyboardInterrupt:
            return  # how one ends it
