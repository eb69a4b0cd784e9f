"""The functions: reads the environment, wires the parts, and hands events to the handlers.

The parts are made at the first event and kept for the life of the function's process, so that
importing this module reads nothing and fails at nothing.
"""

import logging
import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tidecloud.allow_list import S3AllowList
from tidecloud.errors import SettingsError
from tidecloud.gateways import EveryGateway, Gateways, S3Gateways
from tidecloud.handlers import Admit, Ingest, Query
from tidecloud.quarantine import S3Quarantine
from tidecloud.secret import SecretToken
from tidecloud.settings import Settings
from tidecloud.store import CALLS_AT_ONCE, InfluxDbStore, LiveAnalyticsStore, Store

logging.getLogger("tidecloud").setLevel(logging.INFO)

# Three tries of 10 s fit twice into the ingest function's minute; Kinesis tries on after that.
_CLIENT = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=CALLS_AT_ONCE,
)
# IoT waits five seconds for the hook; the board asks again.
_QUICK_CLIENT = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}
)


def ingest(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  Lambda's signature
    """Handle an event of the stream."""
    return _ingest()(event)


def query(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  Lambda's signature
    """Handle a request of the query API."""
    return _query()(event)


def admit(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  Lambda's signature
    """Answer the pre-provisioning hook."""
    return _admit()(event)


@cache
def _ingest() -> Ingest:
    settings = Settings.read(os.environ)
    if settings.quarantine_bucket is None:
        raise SettingsError(["QUARANTINE_BUCKET is missing"])
    return Ingest(
        store=_store(settings),
        quarantine=S3Quarantine(
            s3=boto3.client("s3", config=_CLIENT), bucket=settings.quarantine_bucket
        ),
        clock_ms=_now_ms,
        gateways=_gateways(),
    )


def _gateways() -> Gateways:
    bucket = os.environ.get("FLEET_BUCKET")
    if not bucket:
        return EveryGateway()
    s3 = boto3.client("s3", config=_CLIENT)
    return S3Gateways(s3=s3, bucket=bucket, clock_ms=_now_ms)


@cache
def _query() -> Query:
    return Query(store=_store(Settings.read(os.environ)))


@cache
def _admit() -> Admit:
    bucket = os.environ.get("FLEET_BUCKET")
    if not bucket:
        raise SettingsError(["FLEET_BUCKET is missing"])
    return Admit(
        allow_list=S3AllowList(s3=boto3.client("s3", config=_QUICK_CLIENT), bucket=bucket),
        clock_ms=_now_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _store(settings: Settings) -> Store:
    if settings.store_engine == "liveanalytics":
        # Told its endpoint, boto3 does not ask Timestream for one that a local cloud lacks.
        url = settings.aws_endpoint_url
        return LiveAnalyticsStore(
            write=boto3.client("timestream-write", config=_CLIENT, endpoint_url=url),
            query=boto3.client("timestream-query", config=_CLIENT, endpoint_url=url),
            database=settings.store_database,
        )
    if settings.store_secret_arn is None:
        return InfluxDbStore(url=settings.store_url or "", database=settings.store_database)
    secret = SecretToken(
        secrets=boto3.client("secretsmanager", config=_CLIENT),
        secret_arn=settings.store_secret_arn,
    )
    return InfluxDbStore(
        url=settings.store_url or "",
        database=settings.store_database,
        token=secret.read,
        forget_token=secret.forget,
    )
