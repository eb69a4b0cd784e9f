"""What rule actions call, written down; the hosted services themselves are in test_line.py."""

import json
from typing import Any


class Recorder:
    """Keeps each call in `calls`; a keyword names a call and the error it raises."""

    def __init__(self, **faults: Exception) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._faults = faults

    def put_record(self, account: str, region: str, **call: Any) -> None:
        self._note("put_record", account=account, region=region, **call)

    async def put_object(self, account: str, region: str, **call: Any) -> None:
        self._note("put_object", account=account, region=region, **call)

    def send_message(self, account: str, region: str, queue_url: str, body: str) -> None:
        self._note("send_message", account=account, region=region, queue_url=queue_url, body=body)

    def invoke_later(self, account: str, region: str, function_arn: str, event: Any) -> None:
        self._note(
            "invoke_later", account=account, region=region, function_arn=function_arn, event=event
        )

    async def publish(
        self, account: str, region: str, topic: str, payload: bytes, **call: Any
    ) -> None:
        self._note("publish", account=account, region=region, topic=topic, payload=payload, **call)

    async def flush(self) -> None:
        self._note("flush")

    def documents(self, name: str) -> list[dict[str, Any]]:
        """Return the JSON bodies of the calls `name`."""
        return [json.loads(call["body"]) for kind, call in self.calls if kind == name]

    def _note(self, name: str, **call: Any) -> None:
        if fault := self._faults.get(name):
            raise fault
        self.calls.append((name, call))
