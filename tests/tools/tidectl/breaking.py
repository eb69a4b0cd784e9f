"""A real target whose calls can be made to fail, one operation of one service at a time."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.target import Target

ALWAYS = 1_000_000


@dataclass(frozen=True)
class BreakingTarget(Target):
    """Does what the real one does, but for `operation` of `service`, refused so many `times`."""

    service: str = ""
    operation: str = ""
    times: int = ALWAYS
    code: str = "AccessDeniedException"

    def client(self, service: str) -> Any:
        client = super().client(service)
        if service != self.service:
            return client
        return _Refusing(client, self.operation, self.times, self.code)


def breaking(
    target: Target,
    service: str,
    operation: str,
    *,
    times: int = ALWAYS,
    code: str = "AccessDeniedException",
) -> BreakingTarget:
    """Return `target` with one operation that is refused, by each client so many `times`."""
    parts = (target.name, target.session, target.local)
    return BreakingTarget(*parts, service, operation, times, code)


class _Refusing:
    def __init__(self, client: Any, operation: str, times: int, code: str) -> None:
        self._client, self._operation = client, operation
        self._left, self._code = times, code

    def __getattr__(self, name: str) -> Any:
        if name == self._operation and self._left:
            return self._refuse
        return getattr(self._client, name)

    def _refuse(self, **_arguments: Any) -> None:
        self._left -= 1
        raise ClientError(
            {"Error": {"Code": self._code, "Message": "refused by the test"}}, self._operation
        )
