"""Where MiniStack keeps things, and what its environment says of it."""

import os
from dataclasses import dataclass
from pathlib import Path

_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Place:
    """Where MiniStack keeps things and what it says about itself."""

    state: Path
    objects: Path
    scratch: Path
    address: str
    http_url: str
    http_port: int
    region: str
    account: str


def set_environment(place: Place) -> None:
    """Say to MiniStack, and to the functions it starts, where they are.

    Its switches are read at import. What the caller's shell says about AWS accounts, profiles
    and proxies must reach neither.
    """
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_", "LAMBDA_", "IOT_")):
            del os.environ[name]
    own_addresses = f"{place.address},127.0.0.1,localhost"
    os.environ.update(
        AUTH="true",
        GATEWAY_PORT=str(place.http_port),
        # Names the broker's certificate too, beside localhost and the loopback addresses.
        MINISTACK_HOST=place.address if place.address not in _LOOPBACK else "localhost",
        MINISTACK_REGION=place.region,
        MINISTACK_ACCOUNT_ID=place.account,
        PERSIST_STATE="1",
        STATE_DIR=str(place.state),
        S3_PERSIST="1",
        S3_DATA_DIR=str(place.objects),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LOG_LEVEL="WARNING",
        TMPDIR=str(place.scratch),
        AWS_ENDPOINT_URL=place.http_url,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY=own_addresses,
        no_proxy=own_addresses,
    )
