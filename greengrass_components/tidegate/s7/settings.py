"""How an S7 controller is reached, read from a connection's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.setting_reader import SettingReader

_URL = re.compile(
    r"s7://(?P<host>[^/:\s]+)(?::(?P<port>\d{1,5}))?(?:/(?P<rack>[0-7])/(?P<slot>\d{1,2}))?/?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S7Settings:
    """How the controller is reached."""

    host: str
    port: int = 102
    rack: int = 0
    slot: int = 1
    timeout_ms: int = 3_000


def read_settings(mapping: Mapping[str, Any]) -> S7Settings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    match = _URL.fullmatch(url := reader.text("url"))
    if url and match is None:
        reader.mistake("url", f"is {url!r}, not s7://HOST[:PORT][/RACK/SLOT]")
    facts = match.groupdict() if match else {}
    settings = S7Settings(
        host=facts.get("host") or "",
        port=int(facts.get("port") or 102),
        rack=int(facts.get("rack") or 0),
        slot=int(facts.get("slot") or 1),
        timeout_ms=reader.integer("timeout_ms", 3_000, 50, 60_000),
    )
    reader.finish()
    return settings
