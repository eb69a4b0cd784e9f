"""`tidectl provision`: make a thing."""

from pathlib import Path

import click

from tidectl.allow_list import DAY_MS, DAYS, DAYS_MAX
from tidectl.boards import board_named, with_pins
from tidectl.claim import DEFAULT_CLAIM
from tidectl.claimed_thing import provision_by_claim
from tidectl.firmware_image import SIZE_BYTES
from tidectl.home import Home
from tidectl.instants import now_ms
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, say
from tidectl.settings_file import read_settings
from tidectl.target import find_target
from tidectl.thing import DEFAULT_SETTINGS, DEFAULT_SITE, OUTBOX_BYTES, provision


@click.command(
    epilog=examples(
        "tidectl provision greenhouse-1 --site farm",
        "tidectl provision greenhouse-1 --rotate          # new certificate, old one revoked",
        "tidectl provision greenhouse-2 --claim           # its board makes its key itself",
        "tidectl provision pump-7 --config pump.json --board esp32-s3 --target aws",
    )
)
@click.argument("thing")
@click.option("--site", help="The place the thing is at; home, or where it was before.")
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON with the board's configuration, all but thing, site and broker.",
)  # fmt: skip
@click.option("--board", help="Kind of its board, of tidectl boards: sets pins and flash size.")
@click.option("--rotate", is_flag=True, help="Replace the certificate of a thing that exists.")
@click.option(
    "--claim", "by_claim", is_flag=True,
    help="Give its board a claim, with which it asks for an identity of its own.",
)  # fmt: skip
@click.option("--claim-name", help=f"The claim; {DEFAULT_CLAIM} unless told. Made if need be.")
@click.option("--serial", help="The number that its board asks with; its thing's name unless told.")
@click.option("--days", type=click.IntRange(1, DAYS_MAX), help=f"How long it may ask; {DAYS}.")
@target_options
@json_option
@pass_home
def command(
    home: Home,
    thing: str,
    site: str | None,
    config: Path | None,
    board: str | None,
    rotate: bool,
    by_claim: bool,
    claim_name: str | None,
    serial: str | None,
    days: int | None,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Make a thing: certificate, policy, flash image.

    The private key is made here and stays here, readable by you alone; only its signing
    request goes to the cloud. With --claim it is made on the board and never leaves it: the
    flash image has a claim, the serial number is put on the allow-list, and the board becomes
    the thing when it first connects.
    """
    if rotate and by_claim:
        raise click.UsageError("--rotate makes a key here, --claim has the board make it")
    if not by_claim and (claim_name, serial, days) != (None, None, None):
        raise click.UsageError("--claim-name, --serial and --days belong to --claim")
    kind = board_named(board) if board else None
    settings = read_settings(config, kind) if config else None
    image_bytes, outbox_bytes = SIZE_BYTES, OUTBOX_BYTES
    if kind:
        settings = settings or with_pins(kind, DEFAULT_SETTINGS)
        layout = kind.layouts["plain"]
        image_bytes, outbox_bytes = layout.files_bytes, layout.outbox_bytes
    cloud = find_target(target, home, region=region)
    if by_claim:
        folder = provision_by_claim(
            cloud,
            home,
            thing,
            claim=claim_name or DEFAULT_CLAIM,
            site=site or DEFAULT_SITE,
            until_ms=now_ms() + (days or DAYS) * DAY_MS,
            serial=serial,
            settings=DEFAULT_SETTINGS if settings is None else settings,
            image_bytes=image_bytes,
            outbox_bytes=outbox_bytes,
        )
    else:
        with err.status(f"registering {thing} in {cloud}"):
            folder = provision(
                cloud,
                home,
                thing,
                site=site,
                settings=settings,
                image_bytes=image_bytes,
                outbox_bytes=outbox_bytes,
                rotate=rotate,
            )
    if as_json:
        print_json({"thing": thing, "folder": str(folder.path), **folder.facts()})
        return
    if by_claim:
        say(f"the board {folder.facts()['serial']} may become {thing}; see {folder.path}")
    else:
        say(f"{thing} may connect; its files are in {folder.path}")
    say(f"next: tidectl {f'flash PORT {thing} --image ...' if board else f'device run {thing}'}")
