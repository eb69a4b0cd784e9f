"""The board is on the Wi-Fi before anything dials."""

import asyncio

import network

from tidenode import wifi as module
from tidenode.errors import LinkError
from tidenode.wifi import Wifi
from tidenode.wifi_config import Network
from tidenode.wifi_config import Wifi as Settings

module._REST_MS = 1  # a round costs no time to speak of


def one(ssid, password="", *addresses):
    return Network(ssid, password, *(addresses or (None, None, None, None)))


def wifi(*networks, timeout_ms=300, **more):
    network.outage, network.around = False, None
    network.settings.clear()
    network.WLAN().disconnect()
    networks = networks or (one("net", "secret"),)
    return Wifi(
        network,
        Settings(
            timeout_ms, more.get("country"), more.get("hostname"), more.get("power_save"), networks
        ),
    )


async def failure_of(station):
    try:
        await station.ensure()
    except LinkError as error:
        return str(error)
    raise AssertionError("joined")


async def test_a_station_joins_once_and_stays():
    station = wifi()
    for _ in range(3):
        await station.ensure()
    assert network.settings["tried"] == ["net"]


async def test_an_outage_is_an_error_and_its_end_is_noticed():
    station = wifi()
    network.outage = True
    for _ in range(2):
        told = await failure_of(station)
        assert "net" in told
        assert str(network.STAT_NO_AP_FOUND) in told
        assert "secret" not in told
    network.outage = False
    await station.ensure()


async def test_two_who_need_the_network_wait_for_one_attempt():
    station = wifi()
    network.outage = True

    async def end_the_outage():
        await asyncio.sleep_ms(150)
        network.outage = False

    await asyncio.gather(station.ensure(), station.ensure(), end_the_outage())


async def test_the_strongest_of_the_known_networks_is_joined():
    station = wifi(one("far", "a"), one("near", "b"), one("hidden"))
    network.around = {"far": (-80, "a"), "near": (-50, "b"), "strangers": (-10, "c")}
    await station.ensure()
    assert network.settings["tried"] == ["near"]


async def test_the_others_are_tried_in_order_and_one_that_failed_comes_last():
    station = wifi(one("far", "a"), one("near", "old"), one("hidden"), timeout_ms=100)
    network.around = {"far": (-80, "x"), "near": (-50, "b")}
    told = await failure_of(station)
    assert network.settings["tried"] == ["near", "far", "hidden"]
    assert "near: status 202" in told
    assert "hidden: status 201" in told
    assert "old" not in told
    network.around = {"far": (-80, "x"), "near": (-50, "b"), "hidden": (-90, "")}
    network.settings["tried"] = []
    await station.ensure()
    assert network.settings["tried"] == ["near", "far", "hidden"]
    network.WLAN().disconnect()
    network.settings["tried"] = []
    await station.ensure()
    assert network.settings["tried"] == ["hidden"]  # the one that did not fail


async def test_addresses_are_given_and_taken_back():
    static = ("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1")
    station = wifi(one("home", "a", *static), one("away", "b"))
    network.around = {"home": (-50, "a")}
    await station.ensure()
    assert network.settings["ifconfig"] == static
    network.WLAN().disconnect()
    network.around = {"away": (-50, "b")}
    await station.ensure()
    assert network.settings["ifconfig"] == "dhcp"


async def test_country_hostname_and_modem_sleep_are_set_where_they_are_given():
    await wifi().ensure()
    assert sorted(network.settings) == ["tried"]
    await wifi(country="NL", hostname="shed", power_save="max").ensure()
    assert network.settings["country"] == "NL"
    assert network.settings["hostname"] == "shed"
    assert network.settings["pm"] == network.WLAN.PM_POWERSAVE


async def test_the_rest_between_rounds_grows_and_ends():
    station = wifi(timeout_ms=100)
    network.outage = True
    rests = []
    sleep_ms = asyncio.sleep_ms

    async def note(rest_ms):
        rests.append(rest_ms)
        await sleep_ms(0)

    asyncio.sleep_ms, module._REST_MS = note, 500
    for _ in range(9):
        await failure_of(station)
    asyncio.sleep_ms, module._REST_MS = sleep_ms, 1
    assert [one for one in rests if one != 100] == [1_000, 2_000, 4_000, 8_000, 16_000] + [
        module.REST_MS_MAX
    ] * 3
