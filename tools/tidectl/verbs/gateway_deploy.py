"""`tidectl gateway deploy`: components to one device by ssh, or to a group by the cloud."""

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.cloud_route import WAIT_S, CloudRoute
from tidectl.gateway.component_source import ComponentSource, all_sources, find_source
from tidectl.gateway.core_device import DEFAULT_GROUP
from tidectl.gateway.device_facts import look
from tidectl.gateway.device_route import DeviceRoute
from tidectl.gateway.device_shell import DeviceShell
from tidectl.gateway.group_deployment import GroupDeployment
from tidectl.gateway.package import Package, link, pack
from tidectl.gateway.setting_pairs import assigned, overlaid
from tidectl.gateway.settings_check import Place, check_settings
from tidectl.gateway.tag_map_files import chosen_maps
from tidectl.gateway.thing_owners import owned_things
from tidectl.gateway.wheel_house import PLATFORMS, Device
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, print_table, say
from tidectl.target import AWS, Target, find_target


@click.command(
    epilog=examples(
        "tidectl gateway deploy modbus_adapter --local pi@plant-1.local --tag-map tags.yaml",
        "tidectl gateway deploy modbus_adapter --local pi@10.0.0.7 --ssh 'ssh -p 2222'",
        "tidectl gateway deploy modbus_adapter --cloud --target aws --group press-shop \\\n"
        "    --machine aarch64 --python 3.11 --set site=plant2 --timeout 120",
        "tidectl gateway deploy modbus_adapter kinesis_uplink --local pi@plant-1.local \\\n"
        "    --set modbus_adapter:outbox.mebibytes_max=64 --set kinesis_uplink:linger_ms=500",
    )
)
@click.argument("components", nargs=-1, required=True, metavar="COMPONENT...")
@click.option("--local", "host", metavar="HOST", help="One device, by ssh.")
@click.option("--cloud", is_flag=True, help="All devices of a group, by the cloud.")
@click.option(
    "--group", default=DEFAULT_GROUP, show_default=True, help="With --cloud: which group."
)
@click.option("--ssh", default="ssh -o BatchMode=yes -o ConnectTimeout=10", show_default=True,
              help="With --local: the command that reaches it.")  # fmt: skip
@click.option("--nucleus", type=click.Choice(["classic", "lite"]),
              help="With --local: which, where there are both.")  # fmt: skip
@click.option("--machine", "machines", multiple=True, type=click.Choice(list(PLATFORMS)),
              help="With --cloud: of the devices.")  # fmt: skip
@click.option("--python", "pythons", multiple=True, metavar="X.Y",
              help="With --cloud: of the devices' python3.")  # fmt: skip
@click.option("--link", "as_link", is_flag=True,
              help="With --cloud: for nuclei here, which run this checkout.")  # fmt: skip
@click.option("--tag-map", "maps", multiple=True, metavar="[COMPONENT=]FILE",
              help="The tag map it goes by there, in the place of its example.")  # fmt: skip
@click.option("--set", "given", multiple=True, metavar="[COMPONENT:]KEY=VALUE",
              help="Configure one, or all that have it; keys parted by points.")  # fmt: skip
@click.option("--replace", is_flag=True, help="With --cloud: take other components away.")
@click.option("--rollback/--no-rollback", "roll_back", default=True, show_default=True,
              help="When it fails, have it as it was before.")  # fmt: skip
@click.option("--timeout", "timeout_s", type=click.IntRange(0, 86_400), default=int(WAIT_S),
              show_default=True, help="With --cloud: seconds to wait for the devices.")  # fmt: skip
@target_options
@json_option
@pass_home
def command(
    home: Home,
    components: tuple[str, ...],
    host: str | None,
    cloud: bool,
    group: str,
    ssh: str,
    nucleus: str | None,
    machines: tuple[str, ...],
    pythons: tuple[str, ...],
    as_link: bool,
    maps: tuple[str, ...],
    given: tuple[str, ...],
    replace: bool,
    roll_back: bool,
    timeout_s: int,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Deploy components to a device by ssh, or to a group of devices by the cloud.

    --local needs greengrass-cli or ggl-cli on the device, and packs for what it is. --cloud
    publishes the versions, deploys to the group and shows each device's state until all are
    done, or --timeout is over: a device that is off gets it when it comes. Exit code 1 when one
    fails or is missing. What puts on the stream is told which one the stack of --target has.
    """
    if bool(host) == cloud:
        raise click.UsageError("give --local HOST or --cloud")
    if cloud and not as_link and not (machines and pythons):
        raise click.UsageError("--cloud needs --machine and --python of the devices, or --link")
    sources = [find_source(name) for name in components]
    configuration = assigned(given, sources)
    for name, settings in chosen_maps(maps, sources).items():
        configuration[name] = overlaid(configuration.get(name, {}), settings)
    aim = find_target(target, home, region=region) if cloud or target == AWS else None
    _name_stream(sources, configuration, aim)
    route = CloudRoute(aim, _tell) if cloud and aim else None
    to_group = GroupDeployment(route, group, timeout_s=timeout_s) if route else None
    _check(sources, configuration, route.configurations(group) if route and not replace else {})
    with tempfile.TemporaryDirectory(prefix="tidegauge-") as scratch:
        if host:
            shell = DeviceShell(host, tuple(shlex.split(ssh)))
            outcome = _to_device(
                shell, nucleus, sources, home, Path(scratch), configuration, roll_back
            )
        else:
            packages = _packed(sources, home, Path(scratch), machines, pythons, as_link)
            assert to_group  # noqa: S101  --cloud has one
            outcome = to_group.deploy(packages, configuration, replace=replace, roll_back=roll_back)
    if as_json:
        print_json(outcome)
    elif cloud:
        rows = [tuple(one.values())[:-1] for one in outcome["devices"]]
        print_table(("device", "state", "why"), rows)
    else:
        print_table(("component", "state"), list(outcome["components"].items()))
    if to_group:
        to_group.check_done(outcome)
    if not outcome["done"]:
        raise click.exceptions.Exit(1)


def _check(
    sources: Sequence[ComponentSource],
    configuration: Mapping[str, Mapping[str, Any]],
    before: Mapping[str, Mapping[str, Any]],
) -> None:
    """Complain before anything is packed; `before` is what the group has already."""
    whole = {
        source.name: overlaid(before.get(source.name, {}), configuration.get(source.name, {}))
        for source in sources
    }
    for source in sources:
        check_settings(source, whole[source.name], Place("GATEWAY"))
        tag_map = str(whole[source.name].get("tag_map", ""))
        _check_place(source, tag_map)
        if tag_map.startswith("/"):
            say(escape(f"{source.folder.name}: {tag_map} is to be there on the device itself"))
    named = {source.name for source in sources}
    others = [one for one in all_sources() if one.name in before and one.name not in named]
    owned_things([*sources, *others], "GATEWAY", {**before, **whole})


def _check_place(source: ComponentSource, tag_map: str) -> None:
    """Complain of a tag map that is here and would not be there."""
    is_here = tag_map and not tag_map.startswith("/") and Path(tag_map).is_file()
    if is_here and not (source.folder / tag_map).is_file():
        raise TidectlError(
            f"{tag_map} would not go to the device with {source.folder.name}",
            f"--tag-map {source.folder.name}={tag_map} takes it along",
        )


def _name_stream(
    sources: Sequence[ComponentSource], configuration: dict[str, Any], aim: Target | None
) -> None:
    """Tell the components that put on the stream which one it is; only the stack knows."""
    for source in sources:
        if "stream" not in source.recipe.defaults:
            continue
        settings = configuration.setdefault(source.name, {})
        if "stream" in settings:
            continue
        if aim is None:
            raise TidectlError(
                f"{source.name} is to be told its stream",
                "of which cloud: --target aws; or --set stream=NAME",
            )
        settings["stream"] = aim.stack_outputs()["StreamName"]


def _to_device(
    shell: DeviceShell,
    nucleus: str | None,
    sources: Sequence[ComponentSource],
    home: Home,
    scratch: Path,
    configuration: dict[str, Any],
    roll_back: bool,
) -> dict[str, Any]:
    facts = look(shell, nucleus)
    say(escape(f"{shell.host}: {facts.system}, {facts.device.machine}, Python "
               f"{facts.device.python}, nucleus {facts.nucleus}"))  # fmt: skip
    packages = []
    for source in sources:
        with err.status(f"packing {source.folder.name}"):
            packages.append(pack(source, scratch, home, [facts.device]))
    with err.status(f"deploying to {shell.host}") as status:

        def tell(text: str) -> None:
            status.update(escape(text))
            _tell(text)

        route = DeviceRoute(shell, facts.nucleus, tell)
        states = route.deploy(packages, configuration, roll_back=roll_back)
    return {"device": shell.host, "nucleus": facts.nucleus, "components": states, "done": True}


def _packed(
    sources: Sequence[ComponentSource],
    home: Home,
    scratch: Path,
    machines: tuple[str, ...],
    pythons: tuple[str, ...],
    as_link: bool,
) -> list[Package]:
    if as_link:
        return [link(source, scratch) for source in sources]
    devices = [Device(machine, python) for machine in machines for python in pythons]
    packages = []
    for source in sources:
        with err.status(f"packing {source.folder.name}"):
            packages.append(pack(source, scratch, home, devices))
    return packages


def _tell(text: str) -> None:
    say(escape(text))
