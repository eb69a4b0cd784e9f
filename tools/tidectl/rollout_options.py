"""The options of a verb that gives things a job: to whom, how fast, when to give up."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from tidectl.jobs import MINUTES_MAX, RATE_MAX, RETRIES_MAX, Rollout


def rollout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the arguments `things`, `groups`, `rollout` and `wait`."""

    @wraps(command)
    def with_rollout(
        *arguments: Any,
        rate: int | None,
        retries: int,
        abort_percent: int | None,
        timeout_minutes: int | None,
        **named: Any,
    ) -> Any:
        if not named["things"] and not named["groups"]:
            raise click.UsageError("give --thing or --group")
        rollout = Rollout(rate, retries, abort_percent, timeout_minutes)
        return command(*arguments, rollout=rollout, **named)

    options = (
        click.option("--thing", "things", multiple=True, help="This thing; may be given again."),
        click.option("--group", "groups", multiple=True, help="The things of this group."),
        click.option(
            "--rate", type=click.IntRange(1, RATE_MAX), help="Things a minute, at the most."
        ),
        click.option(
            "--retries", type=click.IntRange(0, RETRIES_MAX), default=0, show_default=True,
            help="How often a thing that failed tries again.",
        ),
        click.option(
            "--abort-percent", type=click.IntRange(1, 100), help="End it when so many have failed."
        ),
        click.option(
            "--timeout", "timeout_minutes", type=click.IntRange(1, MINUTES_MAX),
            help="Minutes that a thing may take once it has begun.",
        ),
        click.option("--wait", is_flag=True, help="Show how it goes, and end when it has ended."),
    )  # fmt: skip
    described: Callable[..., Any] = with_rollout
    for option in reversed(options):
        described = option(described)
    return described
