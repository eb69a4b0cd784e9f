"""A real target whose calls can be made to fail, one operation of one service at a time."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.target import Target


@dataclass(frozen=True)
class BreakingTarget(Target):
    """Does what the real one does, but for `operation` of `service`, which is refused."""

    service: str = ""
    operation: str = ""

    def client(self, service: str) -> Any:
        client = super().client(service)
        return _Refusing(client, self.operation) if service == self.service else client


def breaking(target: Target, service: str, operation: str) -> BreakingTarget:
    """Return `target` with one operation that is refused."""
    return BreakingTarget(target.name, target.session, target.local, service, operation)


class _Refusing:
    def __init__(self, client: Any, operation: str) -> None:
        self._client, self._operation = client, operation

    def __getattr__(self, name: str) -> Any:
        return self._refuse if name == self._operation else getattr(self._client, name)

    def _refuse(self, **_arguments: Any) -> None:
        raise ClientError(
            {"Error": {"Code": "AccessDeniedException", "Message": "refused by the test"}},
            self._operation,
        )
