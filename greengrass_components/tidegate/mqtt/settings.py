"""How the local broker is reached and what is made of its topics, read from a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.mqtt.errors import MqttError
from tidegate.mqtt.route import Route, read_route
from tidegate.setting_reader import SettingReader
from tidewire import topic

DEFAULT_ROUTES: dict[str, dict[str, str]] = {
    "boards": {"filter": "dt/tidegauge/+/+/+", "format": "batch"},
    "basic_ingest": {"filter": f"{topic.BASIC_INGEST_PREFIX}dt/tidegauge/+/+/+", "format": "batch"},
    "sparkplug": {"filter": "spBv1.0/#", "format": "sparkplug"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """With `ca` the connection is TLS, with `certificate` and `key` mutual.

    The session is kept by the broker under `client_id`, so that what comes while we are away
    waits there. `retry_ms_max` bounds the wait between two tries to connect. As `sparkplug_host`
    the bridge tells Sparkplug nodes whether they are heard; "" tells nobody.
    """

    host: str
    port: int
    client_id: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    user: str
    password_file: Path | None
    keepalive_s: int
    retry_ms_max: int
    routes: tuple[Route, ...]
    sparkplug_host: str = ""


def read_settings(
    mapping: Mapping[str, Any], client_id: str = "tidegauge", *, has_files: bool = True
) -> MqttSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes.

    Without `routes`, boards' batches and Sparkplug B are bridged. Without `has_files` the files
    are on another machine, and not looked at.
    """
    reader = SettingReader(mapping)
    ca, certificate, key, password_file = (
        _path(reader, name, has_files) for name in ("ca", "certificate", "key", "password_file")
    )
    if bool(certificate) != bool(key):
        reader.mistake("key" if certificate else "certificate", "is missing: both or none")
    if certificate and not ca:
        reader.mistake("ca", "is missing: a certificate is for TLS")
    routes: list[Route] = []
    given = reader.mapping("routes") or DEFAULT_ROUTES
    for name, facts in given.items():
        try:
            routes.append(read_route(name, facts if isinstance(facts, Mapping) else {}))
        except MqttError as error:
            reader.mistake(f"routes.{name}", str(error))
    settings = MqttSettings(
        host=reader.text("host", "127.0.0.1"),
        port=reader.integer("port", 8883 if ca else 1883, 1, 65_535),
        client_id=reader.text("client_id", client_id),
        ca=ca,
        certificate=certificate,
        key=key,
        user=reader.text("user", ""),
        password_file=password_file,
        keepalive_s=reader.integer("keepalive_s", 30, 5, 3600),
        retry_ms_max=reader.integer("retry_ms_max", 60_000, 100, 3_600_000),
        routes=tuple(routes),
        sparkplug_host=reader.text("sparkplug_host", ""),
    )
    if set(settings.sparkplug_host) & set("/+#"):
        reader.mistake("sparkplug_host", f"is {settings.sparkplug_host!r}: no /, + and # in a name")
    reader.finish()
    return settings


def _path(reader: SettingReader, name: str, has_files: bool) -> Path | None:
    text = reader.text(name, "")
    if text and has_files and not Path(text).exists():
        reader.mistake(name, f"{text} is not there")
    return Path(text) if text else None
