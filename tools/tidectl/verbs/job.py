"""`tidectl job`: have boards reboot, rotate, tell their log or how they do."""

from dataclasses import asdict
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.hearing import warn_of_the_deaf
from tidectl.home import Home
from tidectl.instants import iso
from tidectl.job_report import begun, follow, show
from tidectl.jobs import Jobs, Rollout
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, print_table, say
from tidectl.rollout_options import rollout_options
from tidectl.target import find_target

OPERATIONS = ("reboot", "rotate", "logs", "diagnostics")  # `tidectl ota publish` has the update
JOB_BEGIN = "tidegauge-"
_LINES_MAX = 8  # that a board keeps
_LISTED, _LISTED_MAX = 10, 250
_WHY = "the details say why; a board's log says more: tidectl job create logs --thing ... --wait"


@click.group(
    epilog=examples(
        "tidectl job create reboot --thing greenhouse-1 --wait",
        "tidectl job create diagnostics --group farm --json",
        "tidectl job status --wait",
        "tidectl job cancel tidegauge-reboot-19abc",
    )
)
def command() -> None:
    """Have boards do jobs: reboot, rotate, tell their log.

    They are AWS IoT jobs: a board that is away does one when it is back. It needs a section
    `control` in its configuration.
    """


@command.command(
    epilog=examples(
        "tidectl job create reboot --thing greenhouse-1 --wait",
        "tidectl job create logs --thing greenhouse-1 --lines 4 --wait --json",
        "tidectl job create rotate --group farm --rate 10 --abort-percent 5 --timeout 30",
    )
)
@click.argument("operation", type=click.Choice(OPERATIONS))
@rollout_options
@click.option("--lines", type=click.IntRange(1, _LINES_MAX), help="Of the log, the newest.")
@target_options
@json_option
@pass_home
def create(
    home: Home,
    operation: str,
    things: tuple[str, ...],
    groups: tuple[str, ...],
    lines: int | None,
    rollout: Rollout,
    wait: bool,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Have things do OPERATION.

    reboot starts the board anew, rotate gets it a new certificate (the old one stays good until
    it is revoked: tidectl rotate), logs brings the newest lines of its log, diagnostics counts
    and sizes.
    """
    if lines and operation != "logs":
        raise click.UsageError("--lines is of logs")
    document: dict[str, Any] = {"operation": operation}
    if lines:
        document["lines"] = lines
    jobs = Jobs(find_target(target, home, region=region))
    job = jobs.create(
        f"{JOB_BEGIN}{operation}-",
        document,
        things,
        groups,
        rollout=rollout,
        description=operation,
    )
    warn_of_the_deaf(home, *things)
    begun(jobs, job, "job", _WHY, wait=wait, as_json=as_json)


@command.command(
    epilog=examples(
        "tidectl job status",
        "tidectl job status --wait",
        "tidectl job status tidegauge-logs-19abc --json | jq .things",
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
    """Show how far each thing is with a job, the newest unless JOB is given."""
    jobs = Jobs(find_target(target, home, region=region))
    follow(jobs, job or _newest(jobs), _WHY, wait=wait, as_json=as_json)


@command.command(
    "list", epilog=examples("tidectl job list", "tidectl job list --count 50 --json | jq .jobs")
)
@click.option(
    "--count", type=click.IntRange(1, _LISTED_MAX), default=_LISTED, show_default=True,
    help="So many, the newest.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def list_(home: Home, count: int, target: str, region: str | None, as_json: bool) -> None:
    """List jobs made here, updates too."""
    found = Jobs(find_target(target, home, region=region)).listed(JOB_BEGIN, count)
    if as_json:
        print_json({"jobs": [asdict(one) for one in found]})
    elif found:
        rows = [
            (one.name, one.status.lower().replace("_", " "), one.description, iso(one.made_at_ms))
            for one in found
        ]
        print_table(("job", "status", "what", "made"), rows, whole="job")
    else:
        say("no job yet: tidectl job create")


@command.command(
    epilog=examples(
        "tidectl job cancel tidegauge-reboot-19abc",
        "tidectl job cancel tidegauge-rotate-19abc --thing greenhouse-1",
        "tidectl job cancel tidegauge-update-0-2-0-19abc --force    # also where it has begun",
    )
)
@click.argument("job")
@click.option("--thing", help="Only that of this thing.")
@click.option("--force", is_flag=True, help="Also where a board has begun it, which goes on.")
@target_options
@json_option
@pass_home
def cancel(
    home: Home,
    job: str,
    thing: str | None,
    force: bool,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Take JOB back from the things that have not begun it."""
    jobs = Jobs(find_target(target, home, region=region))
    jobs.cancel(job, thing=thing, force=force)
    show(job, jobs.executions(job), as_json=as_json)


def _newest(jobs: Jobs) -> str:
    found = jobs.listed(JOB_BEGIN, 1)
    if not found:
        raise TidectlError("no job was made yet", "tidectl job create")
    return found[0].name
