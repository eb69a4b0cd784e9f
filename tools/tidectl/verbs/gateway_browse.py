"""`tidectl gateway browse`: what a device has, as a tag map."""

import asyncio
import importlib
import logging
from dataclasses import asdict
from pathlib import Path

import click

from tidectl.errors import TidectlError
from tidectl.options import examples, json_option
from tidectl.output import print_json, say
from tidegate.browsed import tag_map_text
from tidegate.errors import GateError
from tidegate.opcua.settings import MODES, POLICIES

_KINDS = {"opc.tcp": "opcua", "enip": "ethernetip"}


@click.command(
    epilog=examples(
        "tidectl gateway browse opc.tcp://127.0.0.1:4840/plant > tags.yaml",
        "tidectl gateway browse enip://192.0.2.20/0",
        "tidectl gateway browse opc.tcp://plc:4840 --policy Basic256Sha256 --keys keys --json",
    )
)
@click.argument("url")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="None",
    show_default=True,
    help="Of security, for OPC UA.",
)
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("keys"),
    show_default=True,
    help="Folder of our certificate for OPC UA, made if need be.",
)
@click.option("--user", default="", help="Whom the OPC UA server lets in.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File that holds the password of --user.",
)
@click.option("--period-ms", type=click.IntRange(1), default=1000, show_default=True)
@json_option
def command(
    url: str,
    policy: str,
    mode: str,
    keys: Path,
    user: str,
    password_file: Path | None,
    period_ms: int,
    as_json: bool,
) -> None:
    """Print a tag map with everything that the device at URL has.

    An OPC UA server (opc.tcp://) or a Logix controller (enip://). Take out what you don't need,
    then: tidectl gateway check tags.yaml. A component makes a certificate of its own, unless the
    map says `keys`: the server has to trust that one, too.
    """
    kind = _KINDS.get(url.partition("://")[0])
    if kind is None:
        raise TidectlError(
            f"{url} can't be browsed",
            f"it begins with {' or '.join(f'{one}://' for one in _KINDS)}",
        )
    settings: dict[str, str] = {}
    if kind == "opcua" and policy != "None":
        settings |= {"policy": policy, "mode": mode}
    if kind == "opcua" and user:
        settings |= {"user": user}
        settings |= {"password_file": str(password_file.resolve())} if password_file else {}
    own = {"keys": str(keys)} if kind == "opcua" else {}
    reader = importlib.import_module(f"tidegate.{kind}.settings")
    browse = importlib.import_module(f"tidegate.{kind}.browse").browse
    logging.getLogger("asyncua").addHandler(logging.NullHandler())  # its errors are told below
    try:
        found = asyncio.run(browse(reader.read_settings({"url": url, **settings, **own})))
    except GateError as error:
        raise TidectlError(str(error), "is the device there, and does it let us in?") from error
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        click.echo(tag_map_text(kind, url, found, period_ms, settings=settings), nl=False)
        say(f"{len(found)} values")
