"""The registry: what a failed registration made is taken back, whatever failed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tools.tidectl.breaking import breaking
from tidectl import registry as registry_module
from tidectl.identity import make_identity
from tidectl.registry import Registration, Registry
from tidectl.target import Target

STEPS = (
    "create_thing",
    "create_certificate_from_csr",
    "attach_policy",
    "attach_thing_principal",
)


def contents(target: Target) -> dict[str, Any]:
    """Return everything in the registry that provisioning touches."""
    iot = target.client("iot")
    policy = target.stack_outputs()["ThingPolicyName"]
    return {
        "things": sorted(Registry(target).things(10_000)),
        "certificates": sorted(
            item["certificateId"] for item in iot.list_certificates(pageSize=250)["certificates"]
        ),
        "targets": sorted(iot.list_targets_for_policy(policyName=policy)["targets"]),
    }


def registered(target: Target, thing: str) -> Registration:
    kept: list[Registration] = []
    Registry(target).register(thing, make_identity(thing).request_pem, kept.append)
    return kept[0]


def test_a_registered_thing_has_one_active_certificate_under_the_policy(deployed: Target) -> None:
    registry = Registry(deployed)
    assert not registry.has("registry-1")
    registration = registered(deployed, "registry-1")
    assert registry.has("registry-1")
    assert registry.certificates("registry-1") == [registration.certificate_arn]
    iot = deployed.client("iot")
    described = iot.describe_certificate(certificateId=registration.certificate_id)
    assert described["certificateDescription"]["status"] == "ACTIVE"
    attached = iot.list_attached_policies(target=registration.certificate_arn)["policies"]
    policy = deployed.stack_outputs()["ThingPolicyName"]
    assert [item["policyName"] for item in attached] == [policy]


def test_an_unknown_thing_has_no_certificates(deployed: Target) -> None:
    assert Registry(deployed).certificates("nobody") == []


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_leaves_nothing(step: str, deployed: Target) -> None:
    before = contents(deployed)
    registry = Registry(breaking(deployed, "iot", step))
    kept: list[Registration] = []
    with pytest.raises(ClientError, match="refused by the test"):
        registry.register("registry-2", make_identity("registry-2").request_pem, kept.append)
    assert contents(deployed) == before
    assert kept == []


def test_files_that_can_not_be_kept_leave_nothing(deployed: Target) -> None:
    def keep(_registration: Registration) -> None:
        raise OSError("the disk is full")

    before = contents(deployed)
    with pytest.raises(OSError, match="full"):
        Registry(deployed).register("registry-3", make_identity("registry-3").request_pem, keep)
    assert contents(deployed) == before


def test_what_was_there_before_a_failure_stays(deployed: Target) -> None:
    first = registered(deployed, "registry-4")
    before = contents(deployed)
    registry = Registry(breaking(deployed, "iot", "attach_thing_principal"))
    with pytest.raises(ClientError):
        registry.register("registry-4", make_identity("registry-4").request_pem, print)
    assert contents(deployed) == before
    assert Registry(deployed).certificates("registry-4") == [first.certificate_arn]


def test_a_revoked_certificate_is_gone(deployed: Target) -> None:
    registration = registered(deployed, "registry-5")
    Registry(deployed).revoke("registry-5", registration.certificate_arn)
    assert Registry(deployed).certificates("registry-5") == []
    assert registration.certificate_id not in contents(deployed)["certificates"]
    assert registration.certificate_arn not in contents(deployed)["targets"]


def test_a_cloud_that_is_slow_to_let_go_is_asked_again(
    deployed: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "DELETE_PAUSE_S", 0)
    registration = registered(deployed, "registry-8")
    slow = {"times": 3, "code": "DeleteConflictException"}
    Registry(breaking(deployed, "iot", "delete_certificate", **slow)).revoke(
        "registry-8", registration.certificate_arn
    )
    assert registration.certificate_id not in contents(deployed)["certificates"]


@pytest.mark.parametrize("step", ["detach_thing_principal", "detach_policy", "delete_certificate"])
def test_whoever_is_revoked_is_locked_out_whatever_fails_then(deployed: Target, step: str) -> None:
    thing = f"registry-{step}".replace("_", "-")
    registration = registered(deployed, thing)
    with pytest.raises(ClientError, match="refused by the test"):
        Registry(breaking(deployed, "iot", step)).revoke(thing, registration.certificate_arn)
    iot = deployed.client("iot")
    described = iot.describe_certificate(certificateId=registration.certificate_id)
    assert described["certificateDescription"]["status"] == "INACTIVE"


def test_no_more_things_are_named_than_asked_for(deployed: Target) -> None:
    registered(deployed, "registry-6")
    registered(deployed, "registry-7")
    assert len(Registry(deployed).things(2)) == 2
    assert {"registry-6", "registry-7"} <= set(Registry(deployed).things(10_000))
