"""`tidectl ota`: new versions of the boards' program, over the air."""

from dataclasses import replace
from importlib.metadata import version as installed_version
from pathlib import Path

import click

from tidectl.boards import name_on_board
from tidectl.errors import TidectlError
from tidectl.firmware_image import FirmwareImageError, program_files
from tidectl.hearing import warn_of_the_deaf
from tidectl.home import Home
from tidectl.job_report import begun, follow
from tidectl.jobs import Jobs, Rollout
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, say
from tidectl.rollout_options import rollout_options
from tidectl.target import find_target
from tidectl.update_bundle import Bundle, Facts, bundle, image_bundle, read
from tidectl.update_job import newest_update, publish_update
from tidectl.update_key import DEFAULT_NAME, KINDS, P256, load_key, make_key

_STAYED = "the details say why; they go on with the version they had"
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(
    epilog=examples(
        "tidectl ota key",
        "tidectl ota build --version 0.2.0 --key update",
        "tidectl ota publish tidegauge-0.2.0.update --thing greenhouse-1 --wait",
        "tidectl ota status",
    )
)
def command() -> None:
    """Update boards over the air, by signed bundles.

    A board takes what one of its keys has signed, into the slot that is not in force; it keeps to
    it once its own message has come back from the broker, and else goes back by itself.
    """


@command.command(
    epilog=examples(
        "tidectl ota key",
        "tidectl ota key spare --kind rsa3072       # verified about 5 times as fast as P-256",
    )
)
@click.argument("name", default=DEFAULT_NAME)
@click.option(
    "--kind", type=click.Choice(KINDS), default=P256, show_default=True, help="Of the key."
)
@json_option
@pass_home
def key(home: Home, name: str, kind: str, as_json: bool) -> None:
    """Make a key to sign updates with; it stays here, readable by you alone.

    Boards that are provisioned, flashed or synced from now on know its public half.
    """
    made = make_key(home, name, kind)
    public_name, _ = made.public()
    if as_json:
        print_json({"name": name, "kind": kind, "public": str(home.update_keys / public_name)})
        return
    say(f"the key {name} is in {home.update_keys}: keep a copy where nobody else reads it")
    say("next: boards need its public half: tidectl provision, flash or sync each of them")


@command.command(
    epilog=examples(
        "tidectl ota build --version 0.2.0 --key update",
        "tidectl ota build --version 0.1.9 --downgrade-from 0.2.0 --output back.update",
        "tidectl ota build --version 1.29.0 --image ESP32_GENERIC-OTA.app-bin --board esp32",
    )
)
@click.option("--version", help="Of what is in it, as 1.20.3; else that of this tidectl.")
@click.option("--minimum", default="0.0.0", help="The version a board must have at the least.")
@click.option(
    "--board", "boards", multiple=True,
    help="Kind of board it is for, of tidectl boards, or its chip as MicroPython names it, "
    "ESP32C3; may be given again. Else any.",
)  # fmt: skip
@click.option(
    "--downgrade-from", "downgrade_from", multiple=True,
    help="A newer version that it may replace; may be given again.",
)  # fmt: skip
@click.option("--image", type=_FILE, help="A MicroPython to update instead of the program.")
@click.option("--key", "key_name", help="Sign it with this key.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes.")
@json_option
@pass_home
def build(
    home: Home,
    version: str | None,
    minimum: str,
    boards: tuple[str, ...],
    downgrade_from: tuple[str, ...],
    image: Path | None,
    key_name: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Build a bundle of the program in this folder, or of a MicroPython image."""
    chips = tuple(name_on_board(board) for board in boards)
    facts = Facts(version or installed_version("tidegauge"), minimum, chips, downgrade_from)
    try:
        one = _image(facts, image) if image else bundle(facts, program_files())
    except FirmwareImageError as error:
        raise TidectlError(str(error), "see firmware/README.md") from error
    if key_name:
        one = _signed(home, one, key_name)
    path = output or Path(f"tidegauge-{facts.version}.update")
    _write(path, one, as_json)
    if not key_name and not as_json:
        say(f"next: tidectl ota sign {path}")


@command.command(
    epilog=examples(
        "tidectl ota sign tidegauge-0.2.0.update",
        "tidectl ota sign tidegauge-0.2.0.update --key spare",
    )
)
@click.argument("path", type=_FILE, metavar="BUNDLE")
@click.option("--key", "key_name", default=DEFAULT_NAME, show_default=True, help="The key.")
@json_option
@pass_home
def sign(home: Home, path: Path, key_name: str, as_json: bool) -> None:
    """Sign a bundle, maybe on a machine that has the key and no network."""
    _write(path, _signed(home, read(path), key_name), as_json)


@command.command(
    epilog=examples(
        "tidectl ota publish tidegauge-0.2.0.update --thing greenhouse-1 --wait",
        "tidectl ota publish tidegauge-0.2.0.update --group farm --rate 50 --abort-percent 5",
    )
)
@click.argument("path", type=_FILE, metavar="BUNDLE")
@rollout_options
@target_options
@json_option
@pass_home
def publish(
    home: Home,
    path: Path,
    things: tuple[str, ...],
    groups: tuple[str, ...],
    rollout: Rollout,
    wait: bool,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Send a signed bundle to things, as an AWS IoT job."""
    cloud = find_target(target, home, region=region)
    job = publish_update(cloud, read(path), things, groups, rollout)
    warn_of_the_deaf(home, *things)
    begun(Jobs(cloud), job, "ota", _STAYED, wait=wait, as_json=as_json)


@command.command(
    epilog=examples(
        "tidectl ota status",
        "tidectl ota status --wait",
        "tidectl ota status tidegauge-update-0-2-0-19abc --json | jq .things",
    )
)
@click.argument("job", required=False)
@click.option("--wait", is_flag=True, help="End when all things have ended.")
@target_options
@json_option
@pass_home
def status(
    home: Home, job: str | None, wait: bool, target: str, region: str | None, as_json: bool
) -> None:
    """Show how far each thing is with an update, the newest unless JOB is given."""
    cloud = find_target(target, home, region=region)
    follow(Jobs(cloud), job or newest_update(cloud), _STAYED, wait=wait, as_json=as_json)


def _image(facts: Facts, path: Path) -> Bundle:
    try:
        return image_bundle(facts, path.read_bytes())
    except OSError as error:
        raise TidectlError(f"can't read {path}: {error.strerror}", "see --image") from error


def _signed(home: Home, one: Bundle, key_name: str) -> Bundle:
    return replace(one, signature=load_key(home, key_name).sign(one.manifest))


def _write(path: Path, one: Bundle, as_json: bool) -> None:
    data = one.to_bytes()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise TidectlError(f"can't write {path}: {error.strerror}", "give --output") from error
    facts = one.facts
    if as_json:
        print_json({"path": str(path), "bytes": len(data), "signed": bool(one.signature), **facts})
        return
    state = "signed" if one.signature else "not signed"
    say(
        f"{path}: {facts['kind']} of version {facts['version']}, {facts['files']} in number, "
        f"{len(data):,} bytes, {state}"
    )
