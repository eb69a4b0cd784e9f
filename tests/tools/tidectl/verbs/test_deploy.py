"""`tidectl deploy`: a plan that touches nothing, a deployment that is told."""

from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has never seen AWS."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_deploying_what_is_deployed_changes_nothing(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    assert tidectl("deploy", home=shared_home.path).code == 0  # the checkout as it is now
    done = tidectl("deploy", home=shared_home.path)
    assert done.code == 0, done.err
    assert "the local cloud is up to date" in done.err
    assert deployed.stack_outputs()["StreamName"] in done.out
    document = tidectl("deploy", "--json", home=shared_home.path).json()
    assert document == {"changes": [], "outputs": deployed.stack_outputs()}


def test_a_dry_run_shows_the_changes_and_makes_none(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    before = deployed.stack()
    done = tidectl("deploy", "--dry-run", "-p", "LogRetentionDays=7", home=shared_home.path)
    assert done.code == 0, done.err
    assert "AWS::Logs::LogGroup" in done.out
    assert "none made" in done.err
    assert "nothing would change" in tidectl("deploy", "--dry-run", home=shared_home.path).err
    after = deployed.stack()
    assert before
    assert after
    assert before["Parameters"] == after["Parameters"]
    assert before["StackStatus"] == after["StackStatus"]


def test_a_dry_run_without_a_local_cloud_is_that_of_a_first_time(tidectl: Run) -> None:
    done = tidectl("deploy", "--dry-run", "--json")
    assert done.code == 0
    assert "not compared with a stack: the local cloud is not running" in done.err
    assert {change["action"] for change in done.json()["changes"]} == {"Add"}


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("region", [(), ("--region", "eu-central-1")])
def test_a_dry_run_on_aws_needs_no_account(region: tuple[str, ...], tidectl: Run) -> None:
    done = tidectl("deploy", "--target", "aws", *region, "--dry-run", "--json")
    assert done.code == 0, done.err
    changes = done.json()["changes"]
    assert "AWS::Timestream::InfluxDBCluster" in {change["type"] for change in changes}
    assert "QuarantineBucketPolicy" in {change["resource"] for change in changes}


@pytest.mark.usefixtures("no_aws")
def test_deploying_to_aws_without_credentials_is_one_line(tidectl: Run) -> None:
    done = tidectl("deploy", "--target", "aws", "--region", "eu-central-1")
    assert "credentials" in done.complaint()


def test_deploying_without_a_local_cloud_says_how_to_start_one(tidectl: Run) -> None:
    assert tidectl("deploy").complaint() == "the local cloud is not running"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("StorEngine=influxdb", "the template has no parameter StorEngine"),
        ("StoreEngine=sqlite", "StoreEngine"),
    ],
)
def test_a_parameter_that_is_wrong_is_one_line(
    pair: str, told: str, dry: tuple[str, ...], tidectl: Run, shared_home: Home
) -> None:
    done = tidectl("deploy", *dry, "-p", pair, home=shared_home.path)
    assert told in done.complaint()
