"""`tidectl claim`: let boards get an identity of their own."""

from typing import Any

import click
from rich.markup import escape

from tidecloud.admission import Entry
from tidectl.allow_list import DAY_MS, DAYS, DAYS_MAX, Allowed, AllowList
from tidectl.claim import DEFAULT_CLAIM, claims, make_claim, revoke_claim
from tidectl.home import Home
from tidectl.instants import iso, now_ms
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, print_table, say
from tidectl.target import find_target
from tidectl.thing import DEFAULT_SITE


@click.group(
    epilog=examples(
        "tidectl claim make",
        "tidectl claim allow 24:6f:28:aa:bb:cc --thing greenhouse-1 --site farm",
        "tidectl claim list",
    )
)
def command() -> None:
    """Let boards get an identity of their own, by serial number.

    All boards may carry one claim. With it a board asks for a certificate that nobody else has
    the key of, and gets it while its serial number is on the allow-list. What a single board
    needs of it, tidectl provision --claim does in one go.
    """


@command.command(
    epilog=examples("tidectl claim make", "tidectl claim make batch-7 --target aws --json")
)
@click.argument("claim", default=DEFAULT_CLAIM)
@target_options
@json_option
@pass_home
def make(home: Home, claim: str, target: str, region: str | None, as_json: bool) -> None:
    """Make a claim for boards to carry; its key is made here."""
    folder = make_claim(find_target(target, home, region=region), home, claim)
    if as_json:
        print_json({"claim": claim, "folder": str(folder.path), **folder.facts()})
        return
    say(f"boards with the claim {claim} may ask; its files are in {folder.path}")
    say("next: tidectl claim allow SERIAL --site ...")


@command.command(
    epilog=examples(
        "tidectl claim allow 24:6f:28:aa:bb:cc --thing greenhouse-1 --site farm",
        "tidectl claim allow A0017 A0018 A0019 --site farm --days 7   # named as their numbers",
    )
)
@click.argument("serials", nargs=-1, required=True, metavar="SERIAL...")
@click.option("--site", default=DEFAULT_SITE, show_default=True, help="The place they are at.")
@click.option("--thing", help="The name of the one board; else its serial number.")
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=DAYS, show_default=True,
    help="How long they may ask.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def allow(
    home: Home,
    serials: tuple[str, ...],
    site: str,
    thing: str | None,
    days: int,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Put serial numbers on the allow-list, at once and without a deployment.

    A thing whose board is replaced keeps its name; the old board stays until its certificate is
    revoked.
    """
    if thing and len(serials) > 1:
        raise click.UsageError(f"--thing names one board, not {len(serials)}")
    allow_list = AllowList(find_target(target, home, region=region))
    until_ms = now_ms() + days * DAY_MS
    entries = {serial: Entry(thing or serial, site, until_ms) for serial in serials}
    for serial, entry in entries.items():
        allow_list.allow(serial, entry)
    if as_json:
        print_json({"allowed": [_document(serial, entry) for serial, entry in entries.items()]})
        return
    for serial, entry in entries.items():
        say(f"{serial} may become {entry.thing} at {entry.site} until {iso(until_ms)}")


@command.command(
    epilog=examples(
        "tidectl claim refuse 24:6f:28:aa:bb:cc",
        "tidectl claim refuse A0017 A0018 --json",
    )
)
@click.argument("serials", nargs=-1, required=True, metavar="SERIAL...")
@target_options
@json_option
@pass_home
def refuse(
    home: Home, serials: tuple[str, ...], target: str, region: str | None, as_json: bool
) -> None:
    """Take serial numbers off the allow-list; things that they became stay."""
    allow_list = AllowList(find_target(target, home, region=region))
    refused = [serial for serial in serials if allow_list.refuse(serial)]
    absent = [serial for serial in serials if serial not in refused]
    if as_json:
        print_json({"refused": refused, "absent": absent})
    elif refused:
        say(f"{', '.join(refused)} may no longer ask")
    if absent and not as_json:
        say(f"{', '.join(absent)} were not on the list")


@command.command("list", epilog=examples("tidectl claim list", "tidectl claim list --json"))
@target_options
@json_option
@pass_home
def list_(home: Home, target: str, region: str | None, as_json: bool) -> None:
    """List the claims made here, and the serial numbers that are allowed."""
    cloud = find_target(target, home, region=region)
    allowed = list(AllowList(cloud).entries())
    made = [folder for folder in claims(home) if folder.facts()["target"] == cloud.name]
    if as_json:
        print_json(
            {
                "claims": [{"claim": one.claim, **one.facts()} for one in made],
                "serials": [_listed(one) for one in allowed],
            }
        )
        return
    if made:
        print_table(
            ("claim", "certificate", "folder"),
            [(one.claim, one.facts()["certificate_id"][:12], str(one.path)) for one in made],
        )
    else:
        say(f"no claim in {home.path}: tidectl claim make makes one")
    if allowed:
        print_table(
            ("serial", "thing", "site", "may ask until", "came"),
            [_row(one.serial, one.entry, one.came) for one in allowed if one.entry],
        )
    else:
        say("no serial number is allowed: tidectl claim allow SERIAL --site ...")
    for one in allowed:
        if one.mistake:
            say(f"[yellow]{escape(one.mistake)}[/]: tidectl claim allow {one.serial} --site ...")


@command.command(
    epilog=examples("tidectl claim revoke boards", "tidectl claim revoke batch-7 --target aws")
)
@click.argument("claim")
@target_options
@json_option
@pass_home
def revoke(home: Home, claim: str, target: str, region: str | None, as_json: bool) -> None:
    """Revoke a claim: boards that have nothing else are locked out, things are not."""
    revoke_claim(find_target(target, home, region=region), home, claim)
    if as_json:
        print_json({"revoked": claim})
    else:
        say(f"{claim} opens nothing any more, and its files are removed")


def _document(serial: str, entry: Entry) -> dict[str, Any]:
    return {
        "serial": serial,
        "thing": entry.thing,
        "site": entry.site,
        "until_ms": entry.until_ms,
    }


def _listed(one: Allowed) -> dict[str, Any]:
    if one.entry is None:
        return {"serial": one.serial, "mistake": one.mistake}
    return {**_document(one.serial, one.entry), "came": one.came}


def _row(serial: str, entry: Entry, came: bool) -> tuple[str, str, str, str, bool]:
    until = "over" if entry.until_ms < now_ms() else iso(entry.until_ms)
    return serial, entry.thing, entry.site, until, came
