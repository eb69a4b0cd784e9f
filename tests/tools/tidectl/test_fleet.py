"""A fleet is found or made; its state says which boards to look at first."""

from dataclasses import replace

import pytest

from tidectl.errors import TidectlError
from tidectl.fleet import FleetState, MemberState, find_or_provision, names_of
from tidectl.fleet_screen import summary
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import DEFAULT_SETTINGS, provision

FINE = MemberState("fleet-01", "online", 1, 100, 90, 80, 1, 0, 1, 0.5)


def test_the_boards_to_look_at_come_first() -> None:
    members = (
        FINE,
        replace(FINE, thing="behind", queued_batches=7),
        replace(FINE, thing="losing", dropped=3),
        replace(FINE, thing="young", state="booting"),
        replace(FINE, thing="away", state="offline"),
        replace(FINE, thing="gone", state="failed", failure="code 1"),
    )
    state = FleetState(members)
    worst = [one.thing for one in state.worst(5)]
    assert worst == ["gone", "away", "young", "losing", "behind"]
    assert summary(state) == (
        "6 boards: 3 online, 1 offline, 1 booting, 1 failed; sampled 600, acknowledged 480,"
        " waiting 12 batches, dropped 3"
    )
    document = state.document()
    assert (document["boards"], document["online"], document["dropped"]) == (6, 3, 3)


def test_a_small_fleet_is_the_beginning_of_a_large_one() -> None:
    assert names_of("load", 120)[:3] == names_of("load", 3) == ["load-01", "load-02", "load-03"]
    assert names_of("load", 120)[-1] == "load-120"


def test_things_are_made_once_and_made_anew_for_other_settings(
    deployed: Target, shared_home: Home
) -> None:
    names = names_of("found", 2)
    told: list[str] = []
    folders, made = find_or_provision(
        deployed, shared_home, names, at=lambda done, thing: told.append(f"{done} {thing}")
    )
    assert ([folder.thing for folder in folders], made) == (names, 2)
    assert told == ["0 found-01", "1 found-02"]
    before = [folder.facts() for folder in folders]
    folders, made = find_or_provision(deployed, shared_home, names, settings=DEFAULT_SETTINGS)
    assert (made, [folder.facts() for folder in folders]) == (0, before)
    other = {**DEFAULT_SETTINGS, "batch": {"age_ms_max": 300}}
    folders, made = find_or_provision(deployed, shared_home, names, site="farm", settings=other)
    assert made == 2
    assert [folder.config()["batch"] for folder in folders] == [other["batch"]] * 2
    assert [folder.facts()["site"] for folder in folders] == ["farm", "farm"]


def test_a_thing_that_the_cloud_has_forgotten_gets_a_new_certificate(
    deployed: Target, shared_home: Home
) -> None:
    folder = provision(deployed, shared_home, "forgotten-01")
    before = folder.facts()["certificate_arn"]
    iot = deployed.client("iot")
    iot.detach_thing_principal(thingName="forgotten-01", principal=before)
    _, made = find_or_provision(deployed, shared_home, ["forgotten-01"])
    assert made == 1
    assert folder.facts()["certificate_arn"] != before


def test_a_thing_that_is_no_board_or_is_elsewhere_is_refused(
    deployed: Target, shared_home: Home
) -> None:
    provision(deployed, shared_home, "hosts-01", board=False)
    with pytest.raises(TidectlError, match="hosts-01 is no board"):
        find_or_provision(deployed, shared_home, ["hosts-01"])
    provision(deployed, Home(shared_home.path / "elsewhere"), "away-01")
    with pytest.raises(TidectlError, match="away-01 exists already"):
        find_or_provision(deployed, shared_home, ["away-01"])
