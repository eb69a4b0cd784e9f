"""Timestream for LiveAnalytics on the gateway: check the caller, then ask the store.

Flow: front -> host (signature) -> [timestream service: IAM] -> time-series store
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from tidelocal.host import Answer, Host

TARGET_PREFIX = "Timestream_20181101."
# Operations that name no table; AWS checks them against every resource.
_ACTIONS = {"Query": "Select", "CancelQuery": "CancelQuery"}


class TimestreamService:
    """A service handler of the host."""

    def __init__(self, host: Host, call: Callable[[str, bytes], Awaitable[Answer]]) -> None:
        self._host, self._call = host, call

    async def __call__(
        self,
        _method: str,
        _path: str,
        headers: dict[str, str],
        body: bytes,
        _query: dict[str, list[str]],
    ) -> Answer:
        target = headers.get("x-amz-target", "")
        operation = target.removeprefix(TARGET_PREFIX)
        action = f"timestream:{_ACTIONS.get(operation, operation)}"
        # A query's tables stand in its SQL, which the store alone reads: the caller is known to
        # be someone, not to be allowed this very table.
        if operation not in _ACTIONS:
            denied = self._host.denied(action, headers, self._resource(body))
            if denied:
                return denied
        return await self._call(target, body)

    def _resource(self, body: bytes) -> str:
        try:
            request: Any = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            return "*"
        if not isinstance(request, dict) or not request.get("DatabaseName"):
            return "*"
        account, region = self._host.scopes.caller()
        arn = f"arn:aws:timestream:{region}:{account}:database/{request['DatabaseName']}"
        table = request.get("TableName")
        return f"{arn}/table/{table}" if table else arn
