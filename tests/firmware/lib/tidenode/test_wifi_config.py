"""The section `wifi` is taken whole or refused with every mistake in it."""

from typing import Any

import pytest

from tests.firmware.lib.tidenode.test_config import GOOD, mistakes_of, parse

HOME = {"ssid": "home", "password": "s3cret", "address": "10.0.0.7", "gateway": "10.0.0.1"}


def wifi(*networks: Any, **more: Any) -> dict[str, Any]:
    return GOOD | {"wifi": {"networks": list(networks)} | more}


def test_networks_have_addresses_or_ask_for_them() -> None:
    settings = parse(wifi(HOME, {"ssid": "open"}, country="NL", power_save="min")).wifi
    assert settings.networks == (
        ("home", "s3cret", "10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"),
        ("open", "", None, None, None, None),
    )
    assert (settings.country, settings.hostname, settings.power_save) == ("NL", None, "min")


def test_all_mistakes_are_told_together_and_no_password() -> None:
    document = wifi(
        HOME | {"address": "10.0.0.256"},
        {"ssid": "home", "password": 5, "dns": "10.0.0.1"},
        {"ssid": "third", "address": "10.0.0.8"},
        7,
        power_save="most",
        password="s3cret",
    )
    mistakes = mistakes_of(document)
    assert sorted(mistake.split(":")[0] for mistake in mistakes) == [
        "wifi.networks[0].address",
        "wifi.networks[1].dns",
        "wifi.networks[1].password",
        "wifi.networks[1].ssid",
        "wifi.networks[2].gateway",
        "wifi.networks[3]",
        "wifi.password",
        "wifi.power_save",
    ]
    assert "s3cret" not in " ".join(mistakes)


@pytest.mark.parametrize("networks", [[], {}, None, [HOME] * 9])
def test_networks_are_a_list_of_one_to_eight(networks: object) -> None:
    assert "wifi.networks: must be a list of 1 to 8" in mistakes_of(
        GOOD | {"wifi": {"networks": networks}}
    )


def test_a_password_of_the_wrong_length_is_not_told() -> None:
    (mistake,) = mistakes_of(wifi({"ssid": "home", "password": "p4ss" * 20}))
    assert mistake == "wifi.networks[0].password: must be a text of 0 to 64 characters"
