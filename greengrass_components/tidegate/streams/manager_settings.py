"""What a stream manager is told: where it listens, whom it lets in, how it reaches AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.setting_reader import SettingReader
from tidegate.streams.field import is_http_url
from tidegate.streams.server import PORT_DEFAULT

AUTHENTICATIONS = ("token-file", "nucleus", "none")
_SERVICES = ("kinesis", "s3", "iotdata", "iotsitewise")
_PORT_MAX = 65_535
_KILOBITS_PER_S_MAX = 10_000_000
_AWS_PREFIX = "STREAM_MANAGER_"
_AWS_NAMES = {
    "STREAM_MANAGER_SERVER_PORT": "port",
    "STREAM_MANAGER_STORE_ROOT_DIR": "store",
    "STREAM_MANAGER_EXPORTER_MAX_BANDWIDTH": "exportKilobitsPerSecondMax",
}
_AWS_OTHERS = ("JVM_ARGS", "LOG_LEVEL")
LOG_LEVELS = ("debug", "info", "warning", "error")
NAMES = (
    "port", "socket", "store", "tokenFile", "authentication", "region", "endpoints",
    "retrySecondsMax", "exportKilobitsPerSecondMax", "status_port", "logLevel",
    *_AWS_NAMES, *_AWS_OTHERS, f"{_AWS_PREFIX}AUTHENTICATE_CLIENT",
)  # fmt: skip
_AWS_LOG_LEVELS = {"trace": "debug", "warn": "warning", **{name: name for name in LOG_LEVELS}}
_REGION_DEFAULT = "us-east-1"  # where neither the nucleus nor the settings name one


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """Settings of one stream manager; `port` 0 is a free one, `status_port` 0 no page."""

    port: int
    socket: Path
    store: Path
    token_file: Path
    authentication: str
    region: str
    endpoints: Mapping[str, str]
    retry_s_max: float
    export_bits_per_s_max: float | None
    status_port: int
    log_level: str
    passed_over: tuple[str, ...]


def settings_of(
    configuration: Mapping[str, Any], environment: Mapping[str, str]
) -> ManagerSettings:
    """Read a component's configuration; raises `SettingsError` with all that is wrong.

    Where it does not name them, endpoints are those of AWS's usual variables, AWS_ENDPOINT_URL
    and AWS_ENDPOINT_URL_<service>. Settings of AWS's own stream manager are taken for ours that
    mean the same, so that a device's configuration may stay; the rest of them is passed over.
    """
    ours, passed_over = _as_ours(configuration)
    reader = SettingReader(ours)
    endpoints = SettingReader(reader.mapping("endpoints"), "endpoints")
    settings = ManagerSettings(
        port=reader.integer("port", PORT_DEFAULT, 0, _PORT_MAX),
        socket=Path(reader.text("socket", "stream_manager.socket")),
        store=Path(reader.text("store", "streams")),
        token_file=Path(reader.text("tokenFile", "token")),
        authentication=reader.choice("authentication", AUTHENTICATIONS, AUTHENTICATIONS[0]),
        region=reader.text("region", environment.get("AWS_REGION") or _REGION_DEFAULT),
        endpoints={
            service: url
            for service in _SERVICES
            if (url := endpoints.text(service, _endpoint(environment, service)))
        },
        retry_s_max=reader.number("retrySecondsMax", 300, 0.2, 300),
        export_bits_per_s_max=1_000
        * reader.number("exportKilobitsPerSecondMax", 0, 0, _KILOBITS_PER_S_MAX)
        or None,
        status_port=reader.integer("status_port", 0, 0, _PORT_MAX),
        log_level=reader.choice("logLevel", LOG_LEVELS, "info"),
        passed_over=passed_over,
    )
    for service, url in settings.endpoints.items():
        if not is_http_url(url):
            reader.mistake(f"endpoints.{service}", f"is {url!r}, no http(s) address")
    endpoints.finish()
    reader.finish()
    return settings


def _as_ours(configuration: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings under our names, and the names of AWS's that have no meaning here."""
    ours: dict[str, Any] = {}
    passed_over = []
    for key, value in configuration.items():
        name = _AWS_NAMES.get(key)
        if key == "accessControl":  # what the nucleus itself keeps there
            continue
        if not key.startswith(_AWS_PREFIX) and key not in _AWS_OTHERS:
            ours[key] = value
        elif key == f"{_AWS_PREFIX}AUTHENTICATE_CLIENT":
            if str(value).lower() == "false":
                ours["authentication"] = "none"
        elif key == "LOG_LEVEL" and str(value).lower() in _AWS_LOG_LEVELS:
            ours["logLevel"] = _AWS_LOG_LEVELS[str(value).lower()]
        elif name:
            ours[name] = value
        else:
            passed_over.append(key)
    return ours, tuple(sorted(passed_over))


def _endpoint(environment: Mapping[str, str], service: str) -> str:
    name = {"iotdata": "IOT_DATA_PLANE"}.get(service, service.upper())
    return environment.get(f"AWS_ENDPOINT_URL_{name}") or environment.get("AWS_ENDPOINT_URL") or ""
