"""What `tidectl doctor` looks at, a subject a file; each finding is a `Check`."""

from tidectl.checks.check import Check, Verdict

__all__ = ["Check", "Verdict"]
