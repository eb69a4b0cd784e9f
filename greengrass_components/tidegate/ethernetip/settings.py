"""How a Logix controller is reached, read from a connection's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.setting_reader import SettingReader

_URL = re.compile(r"enip://(?P<host>[^/:\s]+)(?::(?P<port>\d{1,5}))?(?:/(?P<slot>\d{1,2}))?/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class EthernetIpSettings:
    """How the controller is reached; `slot` is where it stands in its chassis."""

    host: str
    port: int = 44_818
    slot: int = 0
    timeout_ms: int = 5_000


def read_settings(mapping: Mapping[str, Any]) -> EthernetIpSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    match = _URL.fullmatch(url := reader.text("url"))
    if url and match is None:
        reader.mistake("url", f"is {url!r}, not enip://HOST[:PORT][/SLOT]")
    facts = match.groupdict() if match else {}
    settings = EthernetIpSettings(
        host=facts.get("host") or "",
        port=int(facts.get("port") or 44_818),
        slot=int(facts.get("slot") or 0),
        timeout_ms=reader.integer("timeout_ms", 5_000, 100, 60_000),
    )
    reader.finish()
    return settings
