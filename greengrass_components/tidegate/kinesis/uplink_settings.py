"""The settings of the component kinesis_uplink: texts, or of their type, as a nucleus has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidegate.kinesis.producer import LINGER_MS, RECORD_BYTES_MAX, Limits
from tidegate.kinesis.shard_budget import BYTES_PER_S, RECORDS_PER_S, ShardRate
from tidegate.setting_reader import SettingReader

NAMES = (
    "stream", "gateway", "region", "endpoint", "via", "outboxes", "linger_ms", "shard_percent",
    "record_kibibytes_max", "stream_manager", "samples_topic", "site", "status_port",
)  # fmt: skip


ABSENT_S_MAX = 60  # more than a restart takes


class Via(StrEnum):
    """Which way records go; AUTO takes Stream Manager where one answers, at the start and when
    what is taken has been away for long.
    """

    AUTO = "auto"
    KINESIS = "kinesis"
    STREAM_MANAGER = "stream_manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamManagerSettings:
    """Where Stream Manager is; `token_file` is ours', AWS's takes the component's own token."""

    port: int
    socket: str
    token_file: str
    stream: str
    mebibytes_max: int
    absent_s_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """`gateway` is the partition key; `outboxes` are patterns of folders; port 0: no page."""

    stream: str
    gateway: str
    region: str
    endpoint: str
    via: Via
    outboxes: tuple[str, ...]
    limits: Limits
    rate: ShardRate
    stream_manager: StreamManagerSettings
    samples_topic: str
    site: str
    status_port: int


def read_uplink_settings(
    mapping: Mapping[str, Any], environment: Mapping[str, str]
) -> UplinkSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    share = reader.number("shard_percent", 100, 1, 100) / 100
    kibibytes = reader.integer("record_kibibytes_max", RECORD_BYTES_MAX // 1024, 64, 10_240)
    url = environment.get("AWS_ENDPOINT_URL_KINESIS") or environment.get("AWS_ENDPOINT_URL", "")
    settings = UplinkSettings(
        stream=reader.text("stream"),
        gateway=reader.text("gateway", environment.get("AWS_IOT_THING_NAME")),
        region=reader.text("region", environment.get("AWS_REGION")),
        endpoint=reader.text("endpoint", url),
        via=Via(reader.choice("via", tuple(Via), Via.AUTO)),
        outboxes=tuple(reader.text("outboxes", "../*/outbox").split()),
        limits=Limits(
            linger_ms=reader.integer("linger_ms", LINGER_MS, 0, 60_000),
            record_bytes_max=kibibytes * 1024,
        ),
        rate=ShardRate(RECORDS_PER_S * share, BYTES_PER_S * share),
        stream_manager=_stream_manager(reader.mapping("stream_manager")),
        samples_topic=reader.text("samples_topic", "tidegauge/samples/#"),
        site=reader.text("site", "site"),
        status_port=reader.integer("status_port", 0, 0, 65_535),
    )
    if ":" in settings.gateway:
        reader.mistake("gateway", f"is {settings.gateway!r}: a gateway's name has no colon")
    reader.finish()
    return settings


def _stream_manager(mapping: Mapping[str, Any]) -> StreamManagerSettings:
    reader = SettingReader(mapping, "stream_manager")
    settings = StreamManagerSettings(
        port=reader.integer("port", 8088, 1, 65_535),
        socket=reader.text("socket", ""),
        token_file=reader.text("token_file", "../io.tidegauge.StreamManager/token"),
        stream=reader.text("stream", "tidegauge"),
        mebibytes_max=reader.integer("mebibytes_max", 256, 1, 1 << 20),
        absent_s_max=reader.integer("absent_s_max", ABSENT_S_MAX, 1, 86_400),
    )
    reader.finish()
    return settings
