"""Who may become which thing: by the client id that the broker proved, and the allow-list."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecloud.admission import Entry, asker_of, decide
from tidecloud.errors import AdmissionError

NOW_MS = 1_700_000_000_000
ENTRY = Entry("greenhouse-1", "farm", NOW_MS + 1)


def event(client: Any, **parameters: Any) -> dict[str, Any]:
    return {
        "claimCertificateId": "ab" * 32,
        "certificateId": "cd" * 32,
        "templateArn": "arn:aws:iot:eu-central-1:123456789012:provisioningtemplate/tidegauge",
        "clientId": client,
        "parameters": parameters,
    }


def admitted(event: dict[str, Any], entry: Entry | None = ENTRY, now_ms: int = NOW_MS) -> Any:
    return decide(asker_of(event), entry, now_ms)


def test_a_board_on_the_list_becomes_what_the_list_says() -> None:
    settled = {"ThingName": "greenhouse-1", "SerialNumber": "24:6f", "Site": "farm"}
    assert admitted(event("claim.24:6f", SerialNumber="24:6f")) == settled
    named = event("claim.24:6f", SerialNumber="24:6f", ThingName="greenhouse-1", Site="elsewhere")
    assert admitted(named) == settled


def test_a_thing_may_have_another_certificate_for_itself() -> None:
    asked = {"ThingName": "pump-7", "SerialNumber": "A1", "Site": "farm"}
    assert admitted(event("pump-7", **asked), None) == asked


@pytest.mark.parametrize(
    ("asked", "entry", "told"),
    [
        (event("claim.A1", SerialNumber="A1"), None, "A1 is not on the allow-list"),
        (event("claim.A1", SerialNumber="A2"), ENTRY, "came as claim.A1 and asks as 'A2'"),
        (event("claim.A1"), ENTRY, "came as claim.A1 and asks as None"),
        (event("claim.A1", SerialNumber="A1"), Entry("t", "s", NOW_MS - 1), "was allowed until"),
        (
            event("claim.A1", SerialNumber="A1", ThingName="pump-7"),
            ENTRY,
            "A1 may become greenhouse-1, not 'pump-7'",
        ),
        (event("claim.../serials/x", SerialNumber="../serials/x"), ENTRY, "SerialNumber"),
        (event("claim.", SerialNumber=""), ENTRY, "SerialNumber"),
        (event("pump-7", ThingName="pump-8", SerialNumber="A", Site="s"), ENTRY, "'pump-8'"),
        (event("pump-7", SerialNumber="A1", Site="farm"), ENTRY, "not that of None"),
        (event("pump-7", ThingName="pump-7", Site="farm"), ENTRY, "SerialNumber"),
        (event("pump-7", ThingName="pump-7", SerialNumber="A", Site="a/b"), ENTRY, "Site"),
        (event("pump 7", ThingName="pump 7"), ENTRY, "ThingName"),
        (event(None), ENTRY, "names no client"),
        ({"clientId": "claim.A1"}, ENTRY, "no parameters"),
        ({}, ENTRY, "names no client"),
    ],
)
def test_everything_else_is_refused_with_a_reason(
    asked: dict[str, Any], entry: Entry | None, told: str
) -> None:
    with pytest.raises(AdmissionError) as refused:
        admitted(asked, entry)
    assert told in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    client=st.from_regex(r"(claim\.)?[a-z.]{0,3}", fullmatch=True) | JSON,
    parameters=st.dictionaries(st.sampled_from(["ThingName", "SerialNumber", "Site"]), JSON),
)
def test_no_event_makes_a_client_into_another_thing(client: Any, parameters: Any) -> None:
    asked = {"clientId": client, "parameters": parameters}
    try:
        settled = admitted(asked)
    except AdmissionError:
        return
    assert settled["ThingName"] == (
        ENTRY.thing if client == f"claim.{settled['SerialNumber']}" else client
    )
