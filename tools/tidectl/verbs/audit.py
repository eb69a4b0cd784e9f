"""`tidectl audit`: prove that nothing is lost and nothing stored twice."""

import sys

import click

from tidectl.audit import SETTLE_S, Audit, Verdict
from tidectl.home import Home
from tidectl.instants import iso, now_ms, since
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, print_table, say
from tidectl.target import find_target

_FAULTS_SHOWN_MAX = 20  # --json has them all


@click.command(
    epilog=examples(
        "tidectl audit",
        "tidectl audit --since 24h",
        "tidectl audit --since 2026-11-24T06:00:00Z --json",
        "tidectl audit --target aws",
    )
)
@click.option(
    "--since", "since_text", metavar="WHEN", help="Of what came since: 90s, 2h, 7d, or ISO 8601."
)
@click.option(
    "--settle", type=click.FloatRange(min=0), default=SETTLE_S, show_default=True,
    help="Seconds to wait for what may be on its way before calling it lost.",
)  # fmt: skip
@json_option
@target_options
@pass_home
def command(
    home: Home,
    since_text: str | None,
    settle: float,
    as_json: bool,
    target: str,
    region: str | None,
) -> None:
    """Prove that nothing is lost and nothing stored twice.

    Two accounts are compared: the sequence numbers that each thing gave its batches, and the
    rows in the store. Exit code 1 when something is lost or doubled. What lies in quarantine
    is told, but it is not lost. Use --since where the store forgets old samples.
    """
    try:
        since_ms = None if since_text is None else since(since_text, at_ms=now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    audit = Audit(find_target(target, home, region=region), since_ms=since_ms)
    with err.status("comparing ledger and store") as status:
        verdict = audit.run(
            settle_s=settle,
            on_wait=lambda found: status.update(
                f"waiting for what may be on its way: {_sum(found)}"
            ),
        )
    if as_json:
        print_json(verdict.document())
    else:
        _show(verdict)
    sys.exit(0 if verdict.whole else 1)


def _show(verdict: Verdict) -> None:
    print_table(
        ("", "count"),
        [
            ("things", verdict.things),
            ("batches stored", verdict.batches),
            ("samples stored", verdict.samples),
            ("batches lost", verdict.lost_batches),
            ("samples lost", verdict.lost_samples),
            ("samples stored twice", verdict.duplicated_samples),
            ("samples without a value", verdict.samples_empty),
            ("values not finite", verdict.values_not_finite),
            ("records set aside", sum(verdict.set_aside.values())),
            ("records that failed", verdict.rule_failed + verdict.given_up),
        ],
    )
    lines = _faults(verdict)
    for line in lines[:_FAULTS_SHOWN_MAX]:
        say(line)
    if len(lines) > _FAULTS_SHOWN_MAX:
        say(f"and {len(lines) - _FAULTS_SHOWN_MAX} more: see --json")
    for reason, count in verdict.set_aside.items():
        say(f"[yellow]set aside[/] {count} records: {reason}; whole, in the quarantine bucket")
    if not verdict.batches and verdict.whole:
        say("nothing is stored yet")
    elif verdict.whole:
        say("[green]nothing lost, nothing stored twice[/]")
    else:
        say(f"[bold red]not whole:[/] {_sum(verdict)}")


def _faults(verdict: Verdict) -> list[str]:
    lines = [
        f"[red]gap[/] {gap.thing}: batches {gap.first} to {gap.last} are missing"
        f" before {iso(gap.received_at_ms)}"
        for gap in verdict.gaps
    ]
    lines += [
        f"[red]twice[/] {repeat.thing}: batch {repeat.sequence}, again at"
        f" {iso(repeat.received_at_ms)}"
        for repeat in verdict.repeats
    ]
    lines += [
        f"[red]count[/] {count.thing} {count.measurement}: {count.by_ledger} samples by the"
        f" ledger, {count.in_store} in the store"
        for count in verdict.miscounts
    ]
    return lines


def _sum(verdict: Verdict) -> str:
    return (
        f"{verdict.lost_batches} batches and {verdict.lost_samples} samples lost,"
        f" {verdict.duplicated_samples} samples stored twice"
    )
