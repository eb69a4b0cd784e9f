"""`tidectl status`: what runs, what is deployed, which things report, what waits."""

import sys
import time
from dataclasses import asdict
from typing import Any

import click
from rich.markup import escape

from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_facts, print_json, print_table, say
from tidectl.status import Status, ThingState, status_of, status_without_cloud
from tidectl.target import LOCAL, find_target

NOT_RUNNING = 1
DAYS = 3.0  # InfluxDB 3 Core opens the files of three days for one question
SILENT_SHOWN_MAX = 10
_DAY_MS = 86_400_000
_OUTPUTS = (("QueryUrl", "query API"), ("StreamName", "stream"), ("QuarantineBucketName", "bucket"))


@click.command(
    epilog=examples(
        "tidectl status",
        "tidectl status --days 0.5 --json",
        "tidectl status --target aws",
    )
)
@target_options
@click.option(
    "--days", type=click.FloatRange(0, 3650, min_open=True), default=DAYS, show_default=True,
    help="How far back to ask the store for samples.",
)  # fmt: skip
@json_option
@pass_home
def command(home: Home, target: str, region: str | None, days: float, as_json: bool) -> None:
    """Show what runs, what is deployed and which things report.

    Of each thing the newest sample, what the ledger has of it, and what waits in its flash image
    if that is on this machine. Ends with exit code 1 when the local cloud does not run.
    """
    now_ms = time.time_ns() // 1_000_000
    if target == LOCAL and LocalProcess(home).facts() is None:
        status = status_without_cloud(home)
    else:
        cloud = find_target(target, home, region=region)
        with err.status(f"looking at {cloud}"):
            status = status_of(cloud, home, now_ms - int(days * _DAY_MS))
    if as_json:
        print_json(_document(status))
    else:
        _show(status, now_ms, days)
    if target == LOCAL and status.local is None:
        sys.exit(NOT_RUNNING)


def _show(status: Status, now_ms: int, days: float) -> None:
    print_facts([*_cloud_facts(status, now_ms), *_backlog_facts(status)])
    things = sorted(status.things.values(), key=lambda thing: thing.thing)
    rows = [row for thing in things for row in _thing_rows(thing, now_ms)]
    if rows:
        print_table(
            ("thing", "site", "here", "measurement", "samples", "batches", "last sample"), rows
        )
    else:
        say("no things yet: tidectl provision greenhouse-1 --site farm")
    if rows and status.stack and not any(thing.reports for thing in things):
        say(f"nothing reported in the last {days:g} days")
    if status.silent:
        names = ", ".join(status.silent[:SILENT_SHOWN_MAX])
        more = ", ..." if len(status.silent) > SILENT_SHOWN_MAX else ""
        say(f"{len(status.silent)} more are registered and stored nothing: {names}{more}")
    for trouble in status.troubles:
        say(f"[yellow]{escape(trouble)}[/]")


def _cloud_facts(status: Status, now_ms: int) -> list[tuple[str, str]]:
    facts = []
    if local := status.local:
        runs = _ago(local.started_at_ms, now_ms, "")
        megabytes = local.memory_bytes / 1e6
        facts += [
            ("local cloud", f"runs for {runs}, process {local.facts.pid}, {megabytes:.0f} MB"),
            ("AWS APIs", local.facts.http_url),
            ("broker", f"{local.facts.mqtt_host}:{local.facts.mqtt_port}"),
            ("store", local.facts.store_url),
        ]
    elif status.target == LOCAL:
        return [("local cloud", "is not running; start it: tidectl up")]
    if stack := status.stack:
        engine = f", engine {stack.engine}" if stack.engine else ""
        facts.append(("stack", f"{stack.status}, {_ago(stack.changed_at_ms, now_ms)}{engine}"))
        facts += [(word, stack.outputs[name]) for name, word in _OUTPUTS if name in stack.outputs]
    else:
        command = "tidectl up" if status.local else "tidectl deploy --target aws"
        facts.append(("stack", f"not deployed; make it: {command}"))
    return facts


def _backlog_facts(status: Status) -> list[tuple[str, str]]:
    if (backlog := status.backlog) is None:
        return []
    age_ms = backlog.iterator_age_ms
    behind = "" if age_ms is None else f", {age_ms / 1000:.0f} s behind the stream"
    total = sum(backlog.quarantined.values())
    more = " or more" if backlog.quarantined_more else ""
    reasons = "".join(f", {reason} {count}" for reason, count in backlog.quarantined.items())
    return [
        ("ingest", f"{backlog.ingest_state}, {backlog.ingest_result}{behind}"),
        ("set aside", f"{total}{more} in quarantine{reasons}"),
        ("failed", f"{backlog.failed_records} in the queue of failed records"),
    ]


def _thing_rows(thing: ThingState, now_ms: int) -> list[tuple[Any, ...]]:
    head = (thing.thing, thing.site, _here(thing))
    if not thing.reports:
        return [(*head, None, None, None, None)]
    return [
        (*head, report.measurement, report.samples, report.batches,
         _ago(report.last_sample_at_ms, now_ms))
        for report in thing.reports
    ]  # fmt: skip


def _here(thing: ThingState) -> str:
    """Say what of a thing is on this machine, and whether the cloud does not know it."""
    parts = ["not registered"] if thing.registered is False else []
    if board := thing.board:
        waiting = "?" if board.queued_batches is None else board.queued_batches
        parts.append(f"board {'runs' if board.running else 'off'}, {waiting} waiting")
    elif thing.here:
        parts.append("files")
    return "; ".join(parts)


def _ago(at_ms: int, now_ms: int, after: str = " ago") -> str:
    """Return how long before now something was, in the largest unit that says two or more."""
    seconds = (now_ms - at_ms) / 1000
    if seconds < 0:
        return f"in {-seconds:.0f} s"
    for unit, length_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}{after}"
    return f"{seconds:.0f} s{after}"


def _document(status: Status) -> dict[str, Any]:
    document = asdict(status)
    if status.local:
        document["local"].update(document["local"].pop("facts"))
    document["things"] = list(document["things"].values())
    return {"running": status.target != LOCAL or status.local is not None, **document}
