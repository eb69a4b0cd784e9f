"""How an OPC UA server is to be reached, read from a component's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.setting_reader import SettingReader

POLICIES = ("None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
MODES = ("SignAndEncrypt", "Sign")
TIMES = ("source", "server", "gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcuaSettings:
    """`url` is `opc.tcp://host:port/path`.

    With another `policy` than None the keys lie in `keys`: `certificate.der`, which the server has
    to trust, `key.pem`, and `server.der`, the server's certificate. Where the latter is not there,
    the first that is seen is kept, and another one refused from then on.

    `times` says which instant a sample has. Notifications whose instants lie within `merge_ms` of
    each other become one sample; 0 keeps each instant. Every `refresh_ms` all nodes are read
    anyway, so that a lost notification is not lost for ever; 0 never.
    """

    url: str
    policy: str = "None"
    mode: str = "SignAndEncrypt"
    keys: Path = Path("keys")
    user: str = ""
    password_file: Path | None = None
    times: str = "source"
    merge_ms: int = 0
    queue: int = 10
    refresh_ms: int = 300_000
    timeout_ms: int = 5_000
    retry_ms_max: int = 60_000


def read_settings(mapping: Mapping[str, Any]) -> OpcuaSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    password_file = reader.text("password_file", "")
    settings = OpcuaSettings(
        url=reader.text("url"),
        policy=reader.choice("policy", POLICIES, "None"),
        mode=reader.choice("mode", MODES, "SignAndEncrypt"),
        keys=Path(reader.text("keys", "keys")),
        user=reader.text("user", ""),
        password_file=Path(password_file) if password_file else None,
        times=reader.choice("times", TIMES, "source"),
        merge_ms=reader.integer("merge_ms", 0, 0, 60_000),
        queue=reader.integer("queue", 10, 1, 10_000),
        refresh_ms=reader.integer("refresh_ms", 300_000, 0, 86_400_000),
        timeout_ms=reader.integer("timeout_ms", 5_000, 100, 120_000),
        retry_ms_max=reader.integer("retry_ms_max", 60_000, 100, 3_600_000),
    )
    if settings.url and not settings.url.startswith("opc.tcp://"):
        reader.mistake("url", f"is {settings.url!r}, not opc.tcp://HOST:PORT/PATH")
    if settings.user and not settings.password_file:
        reader.mistake("password_file", "is missing, and user is there")
    reader.finish()
    return settings
