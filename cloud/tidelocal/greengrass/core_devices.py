"""What core devices say of themselves on `$aws/things/<t>/greengrassv2/health/json`."""

import json
import logging
import re
import time
from typing import Any

from tidelocal.greengrass.documents import Documents

HEALTH = re.compile(r"\$aws/things/([^/]+)/greengrass(?:v2)?/health/json")

log = logging.getLogger(__name__)


class CoreDevices:
    """The last report of each thing."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def hear(self, account: str, region: str, topic: str, payload: bytes) -> bool:
        """Take a report; false when the topic is another."""
        match = HEALTH.fullmatch(topic)
        if match is None:
            return False
        try:
            report = json.loads(payload)
            components = [_component(one) for one in report["components"]]
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s: no health report: %r", topic, error)
            return True
        self._documents.put(
            account,
            region,
            match[1],
            {
                "coreDeviceThingName": match[1],
                "coreVersion": str(report.get("ggcVersion", "")),
                "platform": str(report.get("platform", "")),
                "architecture": str(report.get("architecture", "")),
                "runtime": str(report.get("runtime", "")),
                "status": str(report.get("overallDeviceStatus", "HEALTHY")),
                "lastStatusUpdateTimestamp": time.time(),
                "components": components,
            },
        )
        return True

    def get(self, account: str, region: str, thing: str) -> dict[str, Any] | None:
        """Return the last report of a thing, or None."""
        return self._documents.get(account, region, thing)

    def all(self, account: str, region: str) -> list[dict[str, Any]]:
        """Return the last report of each thing."""
        return [document for _, document in self._documents.all(account, region)]


def _component(one: dict[str, Any]) -> dict[str, Any]:
    details = one.get("statusDetails") or {}
    return {
        "componentName": str(one["componentName"]),
        "componentVersion": str(one["version"]),
        "lifecycleState": str(one["status"]),
        "lifecycleStateDetails": str(details.get("statusReason") or ""),
        "isRoot": bool(one.get("isRoot")),
        "lastReportedTimestamp": time.time(),
        "lastStatusChangeTimestamp": time.time(),
        "lifecycleStatusCodes": list(details.get("statusCodes") or ()),
    }
