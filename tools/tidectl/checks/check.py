"""One finding of `tidectl doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is: `fail` means that a verb can't work, `warn` that something is worse."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to type to mend it."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""
