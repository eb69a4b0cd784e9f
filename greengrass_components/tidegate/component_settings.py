"""The settings that every adapter component has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.batch_log import BYTES_MAX, BYTES_MIN, WhenOutboxFull
from tidegate.batching import AGE_MS_MAX, BatchSettings
from tidegate.carried_map import CARRIED, unpack_into
from tidegate.command_link import CommandsFrom
from tidegate.outbox import OutboxSettings
from tidegate.segment_log import Sync
from tidegate.setting_reader import SettingReader

NAMES = (
    "site",
    "thing",
    "tag_map",
    "tag_map_parts",
    "connections",
    "outbox",
    "health_period_ms",
    "status_port",
    "commands",
)
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSettings:
    """`site` is "" where only the tag map says it; 0 ms: no health; port 0: no status page.

    `tag_map_parts` has the tag map itself where `tag_map` is `CARRIED`.
    `commands`: who may have values written, of the tags that the tag map allows.
    """

    site: str
    thing: str
    tag_map: str
    tag_map_parts: Mapping[str, Any]
    connections: Mapping[str, Any]
    outbox: OutboxSettings
    health_period_ms: int
    status_port: int
    commands: CommandsFrom

    def tag_map_path(self, component: Path, state: Path = Path()) -> Path:
        """Return the tag map's path: of the working directory if it is there, or shipped.

        One that came with the configuration is unpacked into `state`; raises `GateError`.
        """
        if self.tag_map == CARRIED:
            return unpack_into(state / "tag_map", self.tag_map_parts)
        here = Path(self.tag_map)
        return here if here.is_absolute() or here.exists() else component / here


def read_settings(mapping: Mapping[str, Any], part: str = "") -> ComponentSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes.

    `part` is the component's own: its thing is `<gateway>:<part>` by default, since each outbox
    counts the batches of a thing for itself, and two that did so for one would seem to lose some.
    """
    reader = SettingReader(mapping)
    gateway = os.environ.get("AWS_IOT_THING_NAME") or "gateway"
    settings = ComponentSettings(
        site=reader.text("site", ""),
        thing=reader.text("thing", f"{gateway}:{part}" if part else gateway),
        tag_map=reader.text("tag_map", "tags.yaml"),
        tag_map_parts=reader.mapping("tag_map_parts"),
        connections=reader.mapping("connections"),
        outbox=_outbox(reader.mapping("outbox")),
        health_period_ms=reader.integer("health_period_ms", 60_000, 0, 86_400_000),
        status_port=reader.integer("status_port", 0, 0, 65_535),
        commands=CommandsFrom(reader.choice("commands", tuple(CommandsFrom), CommandsFrom.NOBODY)),
    )
    reader.finish()
    return settings


def _outbox(mapping: Mapping[str, Any]) -> OutboxSettings:
    reader = SettingReader(mapping, "outbox")
    least_mib, most_mib = -(-BYTES_MIN // _MEBIBYTE), 1 << 20
    settings = OutboxSettings(
        bytes_max=_MEBIBYTE
        * reader.integer("mebibytes_max", BYTES_MAX // _MEBIBYTE, least_mib, most_mib),
        when_full=WhenOutboxFull(
            reader.choice("when_full", tuple(WhenOutboxFull), WhenOutboxFull.DROP_OLDEST)
        ),
        sync=Sync(reader.choice("sync", tuple(one.value for one in Sync), Sync.INTERVAL.value)),
        sync_interval_ms=reader.integer("sync_interval_ms", 1_000, 10, 60_000),
        batch=BatchSettings(age_ms_max=reader.integer("batch_age_ms", AGE_MS_MAX, 250, 3_600_000)),
    )
    reader.finish()
    return settings
