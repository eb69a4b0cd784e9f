"""`tidectl gateway package`: components for devices without a way to the package index."""

import os
import sys
from pathlib import Path

import click

from tidectl.gateway.component_source import all_sources, find_source
from tidectl.gateway.package import BUILD, pack
from tidectl.gateway.wheel_house import PLATFORMS, Device
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, print_table, say

_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@click.command(
    epilog=examples(
        "tidectl gateway package modbus_adapter kinesis_uplink",
        "tidectl gateway package modbus_adapter --machine aarch64 --python 3.11   # Pi OS 12",
        "tidectl gateway package --machine x86_64 --machine aarch64 --python 3.11 --python 3.13",
    )
)
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--machine", "machines", multiple=True, type=click.Choice(list(PLATFORMS)),
              help="Of the devices, as `uname -m` says; this one's unless given.")  # fmt: skip
@click.option("--python", "pythons", multiple=True, metavar="X.Y",
              help=f"Of the devices' python3; {_HERE} unless given.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path(),
              help=f"Folder in which {BUILD}/ is made.")  # fmt: skip
@json_option
@pass_home
def command(
    home: Home,
    components: tuple[str, ...],
    machines: tuple[str, ...],
    pythons: tuple[str, ...],
    output: Path,
    as_json: bool,
) -> None:
    """Build components for devices without a way to the package index, in GDK's layout.

    Every wheel goes along, for each machine and Python named. Debian 12 and Raspberry Pi OS 12
    have Python 3.11, Debian 13 and Raspberry Pi OS 13 have 3.13. A bundle
    brings its own pip.
    """
    sources = [find_source(name) for name in components] or all_sources()
    devices = [
        Device(machine, python)
        for machine in machines or (os.uname().machine,)
        for python in pythons or (_HERE,)
    ]
    packages = []
    for source in sources:
        with err.status(f"packing {source.folder.name}"):
            packages.append(pack(source, output.absolute(), home, devices))
        say(f"{source.name} {source.version} packed")
    if as_json:
        print_json(
            {
                "build": str(output.absolute() / BUILD),
                "components": [
                    {"component": one.name, "version": one.version, "bytes": one.bytes}
                    for one in packages
                ],
            }
        )
        return
    print_table(
        ("component", "version", "MB"),
        [(one.name, one.version, round(one.bytes / 1e6, 2)) for one in packages],
    )
    say(f"in {output.absolute() / BUILD}; next: tidectl gateway deploy --local HOST, or --cloud")
