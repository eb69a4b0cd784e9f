"""Can these credentials be used, and which store engine may their account have?"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidectl.checks.check import Check, Verdict
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.target import AWS, Target, find_target

SKEW_S_MAX = 240.0  # AWS refuses signatures that are 5 minutes off


def account(home: Home, region: str | None) -> Iterator[Check]:
    """Look at region, credentials, clock and the engines; what follows a failure is left out."""
    try:
        target = find_target(AWS, home, region=region)
    except TidectlError as error:
        yield Check("AWS region", Verdict.FAIL, str(error), error.hint)
        return
    yield Check("AWS region", Verdict.OK, target.region)
    try:
        number = target.account()
    except TidectlError as error:
        yield Check("AWS credentials", Verdict.FAIL, str(error), error.hint)
        return
    yield Check("AWS credentials", Verdict.OK, f"valid for account {number}")
    yield skew_check(_skew_s(target))
    influxdb = _refusal(lambda: target.client("timestream-influxdb").list_db_clusters(maxResults=1))
    live = _refusal(lambda: target.client("timestream-write").list_databases(MaxResults=1))
    yield engine_check(influxdb, live)


def skew_check(skew_s: float) -> Check:
    """Check how far this machine's clock is from AWS's."""
    found = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} AWS"
    if abs(skew_s) <= SKEW_S_MAX:
        return Check("AWS clock", Verdict.OK, found)
    return Check("AWS clock", Verdict.FAIL, found, "sudo timedatectl set-ntp true")


def engine_check(influxdb_refusal: str, live_refusal: str) -> Check:
    """Check that one of the engines answers; an empty text is no refusal."""
    if not influxdb_refusal:
        live = "is closed to this account" if live_refusal else "may be used too"
        return Check("store engine", Verdict.OK, f"influxdb may be used; liveanalytics {live}")
    if not live_refusal:
        return Check(
            "store engine", Verdict.WARN, f"only liveanalytics may be used ({influxdb_refusal})",
            "tidectl deploy --target aws -p StoreEngine=liveanalytics",
        )  # fmt: skip
    return Check(
        "store engine", Verdict.FAIL,
        f"influxdb: {influxdb_refusal}; liveanalytics: {live_refusal}",
        "ask for the right timestream-influxdb:ListDbClusters, or take another --region",
    )  # fmt: skip


def _skew_s(target: Target) -> float:
    answer = target.client("sts").get_caller_identity()
    told = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return (datetime.now(UTC) - parsedate_to_datetime(told)).total_seconds()


def _refusal(call: Callable[[], Any]) -> str:
    """Return why a call was refused, or nothing when it was answered."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"].get("Message") or error)
    except (BotoCoreError, TidectlError) as error:
        return str(error)
    return ""
