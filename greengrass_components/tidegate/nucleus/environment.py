"""The environment that a nucleus gives to each script of a component."""

import os
from collections.abc import Mapping

from tidegate.ipc.client import SOCKET_VARIABLE, TOKEN_VARIABLE
from tidegate.nucleus.settings import Settings

GGC_VERSIONS = {"classic": "2.18.2", "lite": "2.6.0"}
CREDENTIALS_PATH = "/2016-11-01/credentialprovider/"
# What the nucleus's own shell says of another account or interpreter must not reach a component.
_NOT_INHERITED = ("AWS_", "PYTHON", "VIRTUAL_ENV", "SVCUID", "GG")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def environment_of(
    settings: Settings,
    token: str,
    *,
    credentials_port: int = 0,
    own: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the variables of one component; `own` are its recipe's Setenv, which come last.

    `credentials_port` is that of the token exchange service, 0 when the recipe has not asked.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_INHERITED) or name.lower() in _PROXIES
    }
    environment |= {
        TOKEN_VARIABLE: token,
        SOCKET_VARIABLE: str(settings.socket_path),
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        "AWS_IOT_THING_NAME": settings.thing,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "GGC_VERSION": GGC_VERSIONS[settings.nucleus],
        "GG_ROOT_CA_PATH": settings.root_ca_path,
    }
    if credentials_port:
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
            f"http://localhost:{credentials_port}{CREDENTIALS_PATH}"
        )
    if settings.aws_url:
        environment["AWS_ENDPOINT_URL"] = settings.aws_url
        environment["AWS_EC2_METADATA_DISABLED"] = "true"
    if settings.path_prefix:
        environment["PATH"] = f"{settings.path_prefix}:{environment.get('PATH', os.defpath)}"
    return environment | dict(own or {})
