"""How SNMP agents are asked, read from a component's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate.setting_reader import SettingReader
from tidegate.snmp.errors import SnmpError

VERSIONS = ("1", "2c", "3")
AUTHENTICATIONS = ("sha256", "sha", "sha512", "md5")
PRIVACIES = ("aes", "aes256", "des")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpSettings:
    """Secrets are read from files: `community_file`, or for version 3 `authentication_file` and
    `privacy_file` beside `user`. With a `trap_port` traps are listened for; an ordinary user may
    not open 162, so have the system forward it, or let the agents send to another."""

    version: str = "2c"
    community: str = field(default="public", repr=False)
    user: str = ""
    authentication: str = "sha256"
    authentication_key: str = field(default="", repr=False)
    privacy: str = "aes"
    privacy_key: str = field(default="", repr=False)
    timeout_ms: int = 2_000
    retries: int = 1
    oids_per_request: int = 20
    trap_host: str = "0.0.0.0"  # traps come from other machines
    trap_port: int = 0


def read_settings(mapping: Mapping[str, Any]) -> SnmpSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    version = reader.choice("version", VERSIONS, "2c")
    community = reader.text("community", "public")
    settings = SnmpSettings(
        version=version,
        community=_secret(reader, "community_file") or community,
        user=reader.text("user", ""),
        authentication=reader.choice("authentication", AUTHENTICATIONS, "sha256"),
        authentication_key=_secret(reader, "authentication_file"),
        privacy=reader.choice("privacy", PRIVACIES, "aes"),
        privacy_key=_secret(reader, "privacy_file"),
        timeout_ms=reader.integer("timeout_ms", 2_000, 50, 60_000),
        retries=reader.integer("retries", 1, 0, 10),
        oids_per_request=reader.integer("oids_per_request", 20, 1, 100),
        trap_host=reader.text("trap_host", "0.0.0.0"),
        trap_port=reader.integer("trap_port", 0, 0, 65_535),
    )
    if version == "3" and not settings.user:
        reader.mistake("user", "is missing, and the version is 3")
    if settings.privacy_key and not settings.authentication_key:
        reader.mistake("authentication_file", "is missing, and privacy_file is there")
    reader.finish()
    return settings


def _secret(reader: SettingReader, name: str) -> str:
    path = reader.text(name, "")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reader.mistake(name, f"{path} can't be read: {error}")
        return ""


def parse_oid(text: str) -> tuple[int, ...]:
    """Return an object identifier's numbers; raises `SnmpError`."""
    parts = text.strip().removeprefix(".").split(".")
    if len(parts) < 2 or not all(part.isdecimal() and int(part) < 1 << 32 for part in parts):  # noqa: PLR2004  1.3 at least
        raise SnmpError(f"{text!r} is no object identifier, as in 1.3.6.1.2.1.1.3.0")
    return tuple(int(part) for part in parts)
