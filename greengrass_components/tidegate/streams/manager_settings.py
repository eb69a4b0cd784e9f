"""What a stream manager is told: where it listens, whom it lets in, how it reaches AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.setting_reader import SettingReader
from tidegate.streams.server import PORT_DEFAULT

AUTHENTICATIONS = ("token-file", "nucleus", "none")
_SERVICES = ("kinesis", "s3", "iotdata")
_PORT_MAX = 65_535
_REGION_DEFAULT = "us-east-1"  # where neither the nucleus nor the settings name one


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """Settings of one stream manager; `port` 0 is a free one."""

    port: int
    socket: Path
    store: Path
    token_file: Path
    authentication: str
    region: str
    endpoints: Mapping[str, str]
    retry_s_max: float


def settings_of(
    configuration: Mapping[str, Any], environment: Mapping[str, str]
) -> ManagerSettings:
    """Read a component's configuration; raises `SettingsError` with all that is wrong.

    Where it does not name them, endpoints are those of AWS's usual variables, AWS_ENDPOINT_URL
    and AWS_ENDPOINT_URL_<service>.
    """
    # What the nucleus itself keeps there.
    left = {key: value for key, value in configuration.items() if key != "accessControl"}
    reader = SettingReader(left)
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
    )
    endpoints.finish()
    reader.finish()
    return settings


def _endpoint(environment: Mapping[str, str], service: str) -> str:
    name = {"iotdata": "IOT_DATA_PLANE"}.get(service, service.upper())
    return environment.get(f"AWS_ENDPOINT_URL_{name}") or environment.get("AWS_ENDPOINT_URL") or ""
