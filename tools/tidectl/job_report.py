"""How a job stands, for people and for programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from tidectl.errors import TidectlError
from tidectl.jobs import Execution, Jobs
from tidectl.output import err, print_json, print_table, say

WAIT_S = 3_600
_NAMED_MAX = 5  # things that an error names


def waited(jobs: Jobs, job: str, timeout_s: float = WAIT_S) -> list[Execution]:
    """Return how each thing ended, having shown how they go on. Raises TidectlError."""
    with err.status("waiting for the things") as line:
        return jobs.wait(job, timeout_s, lambda found: line.update(_going(found)))


def show(job: str, found: Sequence[Execution], *, as_json: bool) -> None:
    """Print where each thing is."""
    if as_json:
        print_json({"job": job, "things": [asdict(one) for one in found]})
        return
    say(f"{job}: {_summary(found)}")
    print_table(("thing", "status", "details"), [_row(one) for one in found])


def complain(found: Sequence[Execution], hint: str) -> None:
    """Raise TidectlError where a thing did not do it."""
    bad = [one.thing for one in found if one.status != "SUCCEEDED"]
    if bad:
        raise TidectlError(
            f"{len(bad)} of {len(found)} things did not do it: {', '.join(bad[:_NAMED_MAX])}", hint
        )


def begun(jobs: Jobs, job: str, verb: str, hint: str, *, wait: bool, as_json: bool) -> None:
    """Say that a job was made; with `wait`, follow it to its end. `verb` has the status of it."""
    if wait:
        say(f"{job} is on its way")
        follow(jobs, job, hint, wait=True, as_json=as_json)
    elif as_json:
        print_json({"job": job})
    else:
        say(f"{job} is on its way: tidectl {verb} status {job} --wait")


def follow(jobs: Jobs, job: str, hint: str, *, wait: bool, as_json: bool) -> None:
    """Show how far each thing is; with `wait` once all have ended, and exit code 1 if one failed.

    `hint` says what to do about those.
    """
    found = waited(jobs, job) if wait else jobs.executions(job)
    show(job, found, as_json=as_json)
    if wait:
        complain(found, hint)


def _summary(found: Sequence[Execution]) -> str:
    counts = Counter(one.status.lower().replace("_", " ") for one in found)
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no thing"


def _going(found: Sequence[Execution]) -> str:
    """Return the summary, and of one thing alone what it says itself."""
    if len(found) == 1 and found[0].details and not found[0].ended:
        return f"{_summary(found)}: {_details(found[0])}"
    return _summary(found)


def _row(one: Execution) -> tuple[str, str, str]:
    return one.thing, one.status.lower().replace("_", " "), _details(one)


def _details(one: Execution) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(one.details.items()))
