"""Where a stream's messages go: each export of a definition, read from the wire and checked.

`kinesis`, `http`, `IotSitewise` and `s3TaskExecutor` are AWS's; `iotCore` (to an MQTT topic of
AWS IoT) is ours.
Unlike AWS's, a batch may wait less than a minute: `batchIntervalMillis` from 200 on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.streams.field import Address, Field, Flag, Mistakes, Number, Text, read_field

PRIORITY_LAST = 11  # of an export without one; 1 goes first
EXPORTS_MAX = 50  # of one stream
INTERVAL_MS_MIN, INTERVAL_MS_MAX = 200, 9_223_372_036_854
S3_PART_BYTES_MIN = 5_242_880
_NAME = re.compile(r"[\w ,.\-_]{1,255}")
_COMMON: dict[str, Field] = {
    "identifier": Text(required=True, pattern=_NAME),
    "priority": Number(1, 10),
    "disabled": Flag(),
}
_STREAMED: dict[str, Field] = {
    **_COMMON,
    "batchIntervalMillis": Number(INTERVAL_MS_MIN, INTERVAL_MS_MAX),
    "startSequenceNumber": Number(0, (1 << 63) - 1),
}
_KINDS: dict[str, dict[str, Field]] = {
    "kinesis": {
        **_STREAMED,
        "batchSize": Number(1, 500, default=500),
        "kinesisStreamName": Text(required=True),
        "partitionKey": Text(pattern=re.compile(r"(?s).{1,256}")),
    },
    "http": {
        **_STREAMED,
        "batchSize": Number(1, 500, default=500),
        "uri": Address(required=True),
        "exportFormat": Number(0, 1, default=0),
    },
    "iotCore": {
        **_STREAMED,
        "batchSize": Number(1, 500, default=100),
        "topic": Text(required=True, pattern=re.compile(r"[^+#\x00]{1,256}")),
        "qos": Number(0, 1, default=1),
    },
    "IotSitewise": {**_STREAMED, "batchSize": Number(1, 10, default=10)},
    "s3TaskExecutor": {
        **_COMMON,
        "sizeThresholdForMultipartUploadBytes": Number(
            S3_PART_BYTES_MIN, 5 << 30, default=S3_PART_BYTES_MIN
        ),
    },
}
_STATUS: dict[str, Field] = {
    "statusLevel": Number(0, 4, default=0),
    "statusStreamName": Text(pattern=_NAME),
}
_NOT_OFFERED = ("iotAnalytics",)


@dataclass(frozen=True, slots=True)
class Export:
    """One export; `wire` has its fields as they were given, `options` those of its kind."""

    kind: str
    identifier: str
    batch_size: int
    interval_ms: int | None
    priority: int
    start_sequence: int | None
    disabled: bool
    options: Mapping[str, Any]
    wire: Mapping[str, Any]


def exports_of(wire: object, mistakes: Mistakes) -> tuple[Export, ...]:
    """Read an export definition; adds what is wrong to `mistakes`."""
    if wire is None:
        return ()
    if not isinstance(wire, Mapping):
        mistakes.append("exportDefinition is not a map")
        return ()
    exports: list[Export] = []
    for kind in _NOT_OFFERED:
        if wire.get(kind):
            mistakes.append(f"exports to {kind} are not offered: use {', '.join(_KINDS)}")
    for kind in _KINDS:
        listed = [] if wire.get(kind) is None else wire[kind]
        if not isinstance(listed, list):
            mistakes.append(f"{kind} is not a list")
            continue
        exports += [_export(kind, one, f"{kind}[{n}]", mistakes) for n, one in enumerate(listed)]
    names = [export.identifier for export in exports]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        mistakes.append(f"identifiers of exports are there twice: {', '.join(doubled)}")
    if len(exports) > EXPORTS_MAX:
        mistakes.append(f"{len(exports)} exports, not up to {EXPORTS_MAX}")
    return tuple(exports)


def _export(kind: str, wire: object, where: str, mistakes: Mistakes) -> Export:
    found: Mistakes = []
    facts: Mapping[str, Any] = wire if isinstance(wire, Mapping) else {}
    value = {key: read_field(facts, key, field, found) for key, field in _KINDS[kind].items()}
    kept = {key: facts[key] for key in _KINDS[kind] if facts.get(key) is not None}
    if kind == "s3TaskExecutor" and facts.get("statusConfig") is not None:
        config = facts["statusConfig"]
        config = config if isinstance(config, Mapping) else {}
        value |= {key: read_field(config, key, field, found) for key, field in _STATUS.items()}
        kept["statusConfig"] = {key: config[key] for key in _STATUS if config.get(key) is not None}
    mistakes += [f"{where}: {mistake}" for mistake in found]
    return Export(
        kind=kind,
        identifier=str(value["identifier"]),
        batch_size=value.get("batchSize") or 1,
        interval_ms=value.get("batchIntervalMillis"),
        priority=value["priority"] or PRIORITY_LAST,
        start_sequence=value.get("startSequenceNumber"),
        disabled=bool(value["disabled"]),
        options=value,
        wire=kept,
    )
