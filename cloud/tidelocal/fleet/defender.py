"""Device Defender's reports: each is checked and answered, and the last of a thing can be read.

Flow: $aws/things/<thing>/defender/metrics/json -> [defender] -> accepted | rejected
      ListMetricValues -> [defender]
Bounded: the last report of THINGS_MAX things, in memory. Not as on AWS: no history, no alarms,
and no report is refused for coming within five minutes of the one before.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

THINGS_MAX = 4096  # reports are some hundred bytes
REPORT_BYTES_MAX = 128 * 1024
_KINDS = {"number": "number", "number_list": "numbers", "string_list": "strings",
          "ip_list": "cidrs"}  # fmt: skip


class ReportRefusedError(Exception):
    """The report is not as AWS documents it."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report: `values` by metric name, as ListMetricValues has them."""

    report_id: int
    at_ms: int
    values: dict[str, dict[str, Any]]


class Defender:
    """The last report of each thing."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str, str], Report] = OrderedDict()

    def take(
        self, account: str, region: str, *, thing: str, payload: bytes, at_ms: int
    ) -> tuple[str, dict[str, Any]]:
        """Keep a report; return `accepted` or `rejected` and its document."""
        answer: dict[str, Any] = {"thingName": thing, "timestamp": at_ms}
        key = (account, region, thing)
        try:
            report = parse(payload, at_ms)
            last = self._last.get(key)
            if last is not None and report.report_id <= last.report_id:
                raise ReportRefusedError(
                    f"report id {report.report_id} is not above {last.report_id}"
                )
        except ReportRefusedError as error:
            details = {"ErrorCode": "InvalidPayload", "ErrorMessage": str(error)}
            return "rejected", {**answer, "status": "REJECTED", "statusDetails": details}
        self._last[key] = report
        self._last.move_to_end(key)
        if len(self._last) > THINGS_MAX:
            self._last.popitem(last=False)
        return "accepted", {**answer, "reportId": report.report_id, "status": "ACCEPTED"}

    def values(self, account: str, region: str, thing: str, metric: str) -> list[dict[str, Any]]:
        """Return the last report's value of a metric as metricDatumList, empty without one."""
        report = self._last.get((account, region, thing))
        if report is None or metric not in report.values:
            return []
        return [{"timestamp": report.at_ms / 1000, "value": report.values[metric]}]


def parse(payload: bytes, at_ms: int) -> Report:
    """Read a report in its long or short names; raises `ReportRefusedError`."""
    if len(payload) > REPORT_BYTES_MAX:
        raise ReportRefusedError(f"{len(payload)} bytes, {REPORT_BYTES_MAX} at most")
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ReportRefusedError("the report is not a JSON object")
    header = document.get("header", document.get("hed"))
    header = header if isinstance(header, dict) else {}
    report_id = header.get("report_id", header.get("rid"))
    if not isinstance(report_id, int) or isinstance(report_id, bool):
        raise ReportRefusedError("header.report_id is not a whole number")
    if header.get("version", header.get("v")) != "1.0":
        raise ReportRefusedError('header.version is not "1.0"')
    metrics = document.get("metrics", document.get("met", {}))
    custom = document.get("custom_metrics", document.get("cmet", {}))
    if not isinstance(metrics, dict) or not isinstance(custom, dict) or not (metrics or custom):
        raise ReportRefusedError("it has neither metrics nor custom_metrics")
    return Report(report_id, at_ms, {**dict(_network(metrics)), **dict(_custom(custom))})


def _custom(metrics: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, entries in metrics.items():
        entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in _KINDS:
            raise ReportRefusedError(
                f"custom metric {name} is not a list of one of {', '.join(_KINDS)}"
            )
        ((kind, value),) = entry.items()
        yield name, {_KINDS[kind]: value}


def _network(metrics: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the counters; lists of ports and connections are accepted and not kept."""
    stats = metrics.get("network_stats", metrics.get("ns"))
    names = {"bytes_in": "bi", "bytes_out": "bo", "packets_in": "pi", "packets_out": "po"}
    for name, short in names.items():
        count = stats.get(name, stats.get(short)) if isinstance(stats, dict) else None
        if isinstance(count, int):
            yield f"aws:all-{name.replace('_', '-')}", {"count": count}
