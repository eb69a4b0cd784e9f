"""Deployments and what became of them, since the start of the nucleus.

Bounded: `DEPLOYMENTS_MAX` are remembered; then the oldest goes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

DEPLOYMENTS_MAX = 100  # of those whose outcome is remembered
QUEUED, IN_PROGRESS, SUCCEEDED, FAILED = "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED"


class DeploymentHistory:
    """Status and reason of each deployment, by its id."""

    def __init__(self) -> None:
        self._deployments: dict[str, dict[str, Any]] = {}

    def note(self, deployment_id: str, status: str, reason: str = "") -> None:
        """Remember how far a deployment is; `reason` says why it failed."""
        self._deployments[deployment_id] = {
            "deploymentId": deployment_id,
            "status": status,
            **({"reason": reason} if reason else {}),
        }
        while len(self._deployments) > DEPLOYMENTS_MAX:
            del self._deployments[next(iter(self._deployments))]

    def latest_first(self) -> Sequence[Mapping[str, Any]]:
        """Return all that is remembered."""
        return list(reversed(self._deployments.values()))
