"""Where a command works: the local cloud or AWS, by the same calls."""

from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.local_cloud import CloudProcess
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.target import AWS, LOCAL, Target, amazon_root_der, find_target


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has never seen AWS."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_the_local_cloud_is_found_by_its_home(shared_home: Home, local_cloud: CloudProcess) -> None:
    target = find_target(LOCAL, shared_home)
    assert target.local
    assert target.local.pid == local_cloud.facts["pid"]
    assert target.account() == local_cloud.facts["account"]
    assert str(target) == "the local cloud"


def test_without_a_local_cloud_the_error_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(TidectlError, match="not running") as caught:
        find_target(LOCAL, Home(tmp_path))
    assert caught.value.hint == "start it: tidectl up"


@pytest.mark.usefixtures("no_aws")
def test_aws_without_a_region_is_refused_before_any_call(tmp_path: Path) -> None:
    with pytest.raises(TidectlError, match="no AWS region is set"):
        find_target(AWS, Home(tmp_path))


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_comes_from_either_variable_of_aws(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "eu-central-1")
    assert find_target(AWS, Home(tmp_path)).region == "eu-central-1"
    assert find_target(AWS, Home(tmp_path), region="eu-west-1").region == "eu-west-1"


@pytest.mark.usefixtures("no_aws")
def test_an_unknown_profile_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(TidectlError, match="nobody") as caught:
        find_target(AWS, Home(tmp_path))
    assert "list-profiles" in caught.value.hint


@pytest.mark.usefixtures("no_aws")
def test_an_account_without_credentials_says_how_to_get_some(tmp_path: Path) -> None:
    target = find_target(AWS, Home(tmp_path), region="eu-central-1")
    with pytest.raises(TidectlError, match="no valid AWS credentials") as caught:
        target.account()
    assert "AWS_PROFILE" in caught.value.hint


@pytest.mark.usefixtures("no_aws")
def test_a_service_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    target = find_target(AWS, Home(tmp_path), region="eu-central-1")
    with pytest.raises(TidectlError, match="no client of tide"):
        target.client("tide")


def test_the_local_broker_has_the_local_clouds_root(shared_home: Home) -> None:
    target = find_target(LOCAL, shared_home)
    broker = target.broker()
    assert target.local
    assert (broker.host, broker.port) == (target.local.mqtt_host, target.local.mqtt_port)
    x509.load_der_x509_certificate(broker.root_der)


def test_the_root_of_aws_is_the_one_botocore_trusts() -> None:
    root = x509.load_der_x509_certificate(amazon_root_der())
    (name,) = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "Amazon Root CA 1"


def test_a_deployed_stack_has_the_outputs_of_the_contract(deployed: Target) -> None:
    outputs = deployed.stack_outputs()
    assert outputs["StoreEngine"] == "influxdb"
    assert outputs["QueryUrl"].endswith("/query")
    with pytest.raises(TidectlError, match="no output Tide: it is older"):
        outputs["Tide"]


def test_without_a_stack_the_error_says_how_to_make_it(deployed: Target) -> None:
    elsewhere = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    )
    nowhere = Target(LOCAL, elsewhere, deployed.local)
    assert nowhere.stack() is None
    with pytest.raises(TidectlError, match="there is no stack tidegauge") as caught:
        nowhere.stack_outputs()
    assert caught.value.hint == "make it: tidectl up"
