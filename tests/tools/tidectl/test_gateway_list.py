"""The list of gateways, written by tidectl and read by the deployed ingest function."""

import pytest

from tidecloud.gateways import Entry, S3Gateways
from tidectl.errors import TidectlError
from tidectl.gateway_list import GatewayList
from tidectl.target import Target


def test_a_gateway_speaks_for_what_it_was_given_and_no_longer_for_what_was_taken(
    deployed: Target,
) -> None:
    known = GatewayList(deployed)
    assert known.find("gw-list") is None
    assert known.allow("gw-list") == Entry()
    assert known.allow("gw-list", ["tank-*", "pump"]) == Entry(("tank-*", "pump"))
    assert known.allow("gw-list", ["pump"]) == Entry(("tank-*", "pump"))
    bucket = deployed.stack_outputs()["FleetBucketName"]
    reader = S3Gateways(s3=deployed.client("s3"), bucket=bucket, clock_ms=lambda: 0)
    assert reader.speaks_for("gw-list", "tank-7")
    assert known.refuse("gw-list", ["tank-*"]) == Entry(("pump",))
    assert ("gw-list", Entry(("pump",))) in list(known.entries())
    known.remove("gw-list")
    assert known.find("gw-list") is None


@pytest.mark.parametrize(("gateway", "thing"), [("a:b", "x"), ("a/b", "x"), ("gw", "a b")])
def test_names_that_are_none_are_refused(deployed: Target, gateway: str, thing: str) -> None:
    with pytest.raises(TidectlError):
        GatewayList(deployed).allow(gateway, [thing])
