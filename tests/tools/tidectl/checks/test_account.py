"""Credentials and engines of an AWS account; the local cloud stands in for AWS."""

from pathlib import Path

import pytest

from tests.local_cloud import CloudProcess
from tidectl.checks import Verdict
from tidectl.checks.account import SKEW_S_MAX, account, engine_check, skew_check
from tidectl.home import Home

CLOSED = "Only existing Timestream for LiveAnalytics customers can access the service."


@pytest.fixture
def aws(local_cloud: CloudProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A machine whose AWS is the local cloud, with credentials and a region."""
    for name, value in {
        "AWS_ENDPOINT_URL": local_cloud.facts["http_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    return Home(tmp_path / "home")


def test_valid_credentials_are_told_with_their_account_and_what_it_may_use(aws: Home) -> None:
    checks = {check.name: check for check in account(aws, None)}
    assert list(checks) == ["AWS region", "AWS credentials", "AWS clock", "store engine"]
    assert checks["AWS region"].found == "us-east-1"
    assert checks["AWS credentials"].found == "valid for account 000000000000"
    assert checks["AWS clock"].verdict is Verdict.OK
    # The stand-in has no API for InfluxDB's nodes, and Timestream's is found by TLS only.
    assert checks["store engine"].verdict is Verdict.FAIL
    assert "timestream-influxdb is not in the local cloud" in checks["store engine"].found


def test_without_a_region_nothing_is_asked(aws: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    (check,) = account(aws, None)
    assert check.verdict is Verdict.FAIL
    assert check.mend == "give --region, or set AWS_REGION"


def test_credentials_that_are_refused_end_the_looking(
    aws: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")
    checks = list(account(aws, None))
    assert [check.verdict for check in checks] == [Verdict.OK, Verdict.FAIL]
    assert "no valid AWS credentials" in checks[1].found
    assert "AWS_PROFILE" in checks[1].mend


@pytest.mark.parametrize(
    ("skew_s", "verdict"),
    [(0, Verdict.OK), (-SKEW_S_MAX, Verdict.OK), (SKEW_S_MAX + 1, Verdict.FAIL)],
)
def test_a_clock_that_aws_would_refuse_fails(skew_s: float, verdict: Verdict) -> None:
    assert skew_check(skew_s).verdict is verdict


def test_the_engine_is_the_one_that_answers() -> None:
    assert engine_check("", "").verdict is Verdict.OK
    new = engine_check("", CLOSED)
    assert new.verdict is Verdict.OK
    assert "liveanalytics is closed to this account" in new.found
    old = engine_check("not in this region", "")
    assert old.verdict is Verdict.WARN
    assert "StoreEngine=liveanalytics" in old.mend
    none = engine_check("AccessDenied", CLOSED)
    assert none.verdict is Verdict.FAIL
    assert "AccessDenied" in none.found
    assert CLOSED in none.found
