"""A claim's files and certificate: whole, private, and gone when revoked."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tidectl.claim import ClaimFolder, claims, make_claim, revoke_claim
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.target import Target


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _policies(target: Target, arn: str) -> list[str]:
    attached = target.client("iot").list_attached_policies(target=arn)["policies"]
    return [policy["policyName"] for policy in attached]


def test_a_claim_is_whole_private_and_under_the_claim_policy(deployed: Target, home: Home) -> None:
    folder = make_claim(deployed, home, "boards")
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "claim.der", "claim.json", "claim_key.der", "root.der",
    ]  # fmt: skip
    for path in (folder.path, *folder.path.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    certificate = x509.load_der_x509_certificate(folder.certificate_path.read_bytes())
    key = load_der_private_key(folder.key_path.read_bytes(), password=None)
    assert certificate.public_key() == key.public_key()
    facts, outputs = folder.facts(), deployed.stack_outputs()
    assert set(facts) == {
        "target", "region", "broker", "template", "certificate_id", "certificate_arn",
    }  # fmt: skip
    assert facts["template"] == outputs["FleetTemplateName"] == "tidegauge"
    assert _policies(deployed, facts["certificate_arn"]) == [outputs["ClaimPolicyName"]]
    assert [one.claim for one in claims(home)] == ["boards"]


def test_a_claim_that_is_there_is_left_alone(deployed: Target, home: Home) -> None:
    folder = make_claim(deployed, home, "boards")
    before = folder.facts()
    with pytest.raises(TidectlError, match=r"exists already"):
        make_claim(deployed, home, "boards")
    assert folder.facts() == before


def test_a_revoked_claim_is_gone_here_and_there(deployed: Target, home: Home) -> None:
    folder = make_claim(deployed, home, "boards")
    certificate_id = folder.facts()["certificate_id"]
    revoke_claim(deployed, home, "boards")
    iot = deployed.client("iot")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=certificate_id)
    assert not folder.path.exists()
    with pytest.raises(TidectlError, match=r"there is no claim boards here"):
        revoke_claim(deployed, home, "boards")


def test_a_claim_that_the_registry_lost_can_still_be_revoked(deployed: Target, home: Home) -> None:
    folder = make_claim(deployed, home, "boards")
    path = folder.path / "claim.json"
    facts = json.loads(path.read_bytes())
    facts["certificate_arn"] = facts["certificate_arn"][:-4] + "0000"
    path.write_text(json.dumps(facts))
    revoke_claim(deployed, home, "boards")
    assert not folder.path.exists()


def test_what_can_not_be_written_leaves_no_certificate(deployed: Target, home: Home) -> None:
    home.make(home.path)
    (home.path / "claims").write_text("in the way")
    iot = deployed.client("iot")
    before = {one["certificateId"] for one in iot.list_certificates(pageSize=250)["certificates"]}
    with pytest.raises(TidectlError, match=r"can't make"):
        make_claim(deployed, home, "boards")
    after = {one["certificateId"] for one in iot.list_certificates(pageSize=250)["certificates"]}
    assert after == before


def test_a_claim_of_another_cloud_is_not_revoked_in_this_one(deployed: Target, home: Home) -> None:
    folder = make_claim(deployed, home, "boards")
    path = folder.path / "claim.json"
    path.write_text(json.dumps({**folder.facts(), "target": "aws"}))
    with pytest.raises(TidectlError, match=r"belongs to the target aws"):
        revoke_claim(deployed, home, "boards")
    assert folder.path.exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b"])
def test_a_name_that_is_none_is_refused(deployed: Target, home: Home, name: str) -> None:
    with pytest.raises(TidectlError):
        make_claim(deployed, home, name)


def test_a_folder_without_its_facts_is_no_claim(tmp_path: Path) -> None:
    with pytest.raises(TidectlError, match=r"there is no claim x here"):
        ClaimFolder(tmp_path / "x").facts()
