"""Which of our answers a publish to `$aws/things/<thing>/...` is for.

Flow: broker -> [requests] -> file delivery | defender -> broker
Shadows and jobs are MiniStack's; what they change is noted here, so that it is kept.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

from tidelocal.file_streams import FileDelivery
from tidelocal.fleet.defender import Defender
from tidelocal.greengrass.core_devices import CoreDevices
from tidelocal.host import Host

_STREAM = re.compile(r"\$aws/things/([^/]+)/streams/([^/]+)/(describe|get)/json")
_METRICS = re.compile(r"\$aws/things/([^/]+)/defender/metrics/json")
_CHANGES = re.compile(
    r"\$aws/things/[^/]+/(?:shadow/(?:name/[^/]+/)?(?:update|delete)|jobs/(?:start-next|[^/]+/update))"
)

log = logging.getLogger(__name__)


class ThingRequests:
    """Answers a device's requests on the topics that MiniStack leaves unanswered."""

    def __init__(
        self,
        *,
        host: Host,
        files: FileDelivery,
        defender: Defender,
        core_devices: CoreDevices,
        changed: Callable[[], None],
    ) -> None:
        self._host, self._files, self._defender = host, files, defender
        self._core_devices, self._changed = core_devices, changed

    async def answer(self, account: str, region: str, topic: str, payload: bytes) -> None:
        """Answer one publish, if it is a request of ours."""
        if _CHANGES.fullmatch(topic):
            self._changed()
            return
        if self._core_devices.hear(account, region, topic, payload):
            return
        stream = _STREAM.fullmatch(topic)
        if stream:
            thing, name, operation = stream.groups()
            answers = self._files.answer(account, region, name, operation, payload)
            for kind, document in answers:
                await self._send(
                    account, region, f"$aws/things/{thing}/streams/{name}/{kind}/json", document
                )
            return
        metrics = _METRICS.fullmatch(topic)
        if metrics:
            kind, document = self._defender.take(
                account, region, thing=metrics[1], payload=payload,
                at_ms=time.time_ns() // 1_000_000,
            )  # fmt: skip
            await self._send(account, region, f"{topic}/{kind}", document)

    async def _send(self, account: str, region: str, topic: str, document: dict[str, Any]) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        await self._host.iot.publish_answer(account, region, topic, body)
