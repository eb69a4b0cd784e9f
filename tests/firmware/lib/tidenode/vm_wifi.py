"""The board is on the Wi-Fi before anything dials."""

import asyncio

import network

from tidenode.config import Wifi as Settings
from tidenode.errors import LinkError
from tidenode.wifi import Wifi


def wifi():
    network.outage = False
    return Wifi(network, Settings("net", "secret", 300))


async def test_a_station_joins_once_and_stays():
    station = wifi()
    for _ in range(3):
        await station.ensure()


async def test_an_outage_is_an_error_and_its_end_is_noticed():
    station = wifi()
    network.outage = True
    for _ in range(2):
        try:
            await station.ensure()
        except LinkError as error:
            assert "net" in str(error)
            assert str(network.STAT_NO_AP_FOUND) in str(error)
            assert "secret" not in str(error)
        else:
            raise AssertionError("joined")
    network.outage = False
    await station.ensure()


async def test_two_who_need_the_network_wait_for_one_attempt():
    station = wifi()
    network.outage = True

    async def end_the_outage():
        await asyncio.sleep_ms(150)
        network.outage = False

    await asyncio.gather(station.ensure(), station.ensure(), end_the_outage())
