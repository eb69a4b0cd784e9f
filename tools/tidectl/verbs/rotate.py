"""`tidectl rotate`: another certificate for a board, then the end of the old one."""

import sys

import click

from tidectl import rotation
from tidectl.hearing import warn_of_the_deaf
from tidectl.home import Home
from tidectl.job_report import waited
from tidectl.jobs import Execution, Jobs
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, say
from tidectl.registry import Registry
from tidectl.target import Target, find_target
from tidectl.thing import ThingFolder

_MINUTES, _MINUTES_MAX = 10, 1_440


@click.command(
    epilog=examples(
        "tidectl rotate greenhouse-1                       # asks before the old one is ended",
        "tidectl rotate greenhouse-1 --revoke-old --json",
        "tidectl rotate greenhouse-1 --job tidegauge-rotate-19abc --revoke-old   # goes on with it",
    )
)
@click.argument("thing")
@click.option(
    "--revoke-old/--keep-old", default=None,
    help="Deactivate and delete the old certificate once the new one has connected, or leave it "
    "good. A terminal is asked.",
)  # fmt: skip
@click.option("--job", help="A rotation that was begun before, to go on with.")
@click.option(
    "--timeout", "timeout_minutes", type=click.IntRange(1, _MINUTES_MAX), default=_MINUTES,
    show_default=True, help="Minutes that the board may take, and that this waits.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def command(
    home: Home,
    thing: str,
    revoke_old: bool | None,
    job: str | None,
    timeout_minutes: int,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Get a board another certificate; it keeps the key.

    The board asks for it, connects with it, and only then lets the old one go; both are good
    until the old one is revoked. It needs a section `control` in its configuration.
    """
    cloud = find_target(target, home, region=region)
    warn_of_the_deaf(home, thing)
    before = () if job else tuple(Registry(cloud).certificates(thing))
    job = job or rotation.begin(cloud, thing, timeout_minutes)
    say(f"{job} is on its way; if this is interrupted: tidectl rotate {thing} --job {job}")
    execution = _of(thing, job, waited(Jobs(cloud), job, timeout_minutes * 60))
    rotated = rotation.ended(cloud, job, execution, before)
    rotation.note(cloud, ThingFolder(home.thing_folder(thing)), rotated.new)
    say(f"{thing} has connected with its new certificate {_short(rotated.new)}")
    revoked = rotated.old if _is_to_end(revoke_old, rotated, as_json) else ()
    rotation.revoke(cloud, thing, revoked)
    _tell(cloud, thing, job, rotated, revoked, as_json)


def _of(thing: str, job: str, found: list[Execution]) -> Execution:
    for one in found:
        if one.thing == thing:
            return one
    raise click.UsageError(f"{job} is not of {thing}")


def _is_to_end(revoke_old: bool | None, rotated: rotation.Rotated, as_json: bool) -> bool:
    if revoke_old is not None or not rotated.old:
        return bool(revoke_old)
    if as_json or not sys.stdin.isatty():
        return False
    old = ", ".join(_short(arn) for arn in rotated.old)
    return click.confirm(f"deactivate and delete {old}?", err=True)


def _tell(
    cloud: Target,
    thing: str,
    job: str,
    rotated: rotation.Rotated,
    revoked: tuple[str, ...],
    as_json: bool,
) -> None:
    left = [arn for arn in rotated.old if arn not in revoked]
    if as_json:
        print_json(
            {
                "thing": thing,
                "job": job,
                "certificate_arn": rotated.new,
                "revoked": list(revoked),
                "still_good": left,
            }
        )
        return
    for arn in revoked:
        say(f"{_short(arn)} opens nothing in {cloud} any more")
    if left:
        say(
            f"{', '.join(_short(arn) for arn in left)} stays good: "
            f"tidectl rotate {thing} --job {job} --revoke-old"
        )


def _short(arn: str) -> str:
    return arn.rpartition("/")[2][:12]
