"""`tidectl doctor`: what is missing on this machine, and how to get it."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from tidectl.checks import Check, Verdict
from tidectl.checks.account import account
from tidectl.checks.machine import machine
from tidectl.checks.privacy import privacy
from tidectl.checks.software import software
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, print_table, say
from tidectl.target import AWS

FOUND_SOMETHING = 1
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command(epilog=examples("tidectl doctor", "tidectl doctor --target aws --json"))
@target_options
@json_option
@pass_home
def command(home: Home, target: str, region: str | None, as_json: bool) -> None:
    """Say what is missing on this machine and how to get it.

    With --target aws, credentials and the store engines of the account as well. Ends with exit
    code 1 when something is missing that a verb can't do without.
    """
    with err.status("looking"):
        checks = list(_checks(home, target, region))
    failed = [check for check in checks if check.verdict is Verdict.FAIL]
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        print_table(
            ("check", "", "found"), [(check.name, check.verdict, check.found) for check in checks]
        )
        for check in checks:
            if check.mend:
                say(f"[{_COLOURS[check.verdict]}]{check.verdict}[/] {check.name}: {check.mend}")
        say(f"{len(failed)} of {len(checks)} checks failed" if failed else "all there")
    if failed:
        sys.exit(FOUND_SOMETHING)


def _checks(home: Home, target: str, region: str | None) -> Iterator[Check]:
    yield from software()
    yield from machine(home)
    yield from privacy(home)
    if target == AWS:
        yield from account(home, region)
