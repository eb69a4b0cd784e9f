"""Which port a status page gets."""

import asyncio
import socket

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidectl.gateway.status_pages import PORTS, choose_port, page_port, page_trouble, page_url
from tidegate.status_page import BusState, Snapshot, StatusPage


def test_a_page_gets_a_port_that_nobody_has() -> None:
    first = choose_port([])
    assert first in PORTS
    assert choose_port([first]) not in (0, first)
    assert choose_port(PORTS) == 0
    with socket.create_server(("127.0.0.1", first)):
        assert choose_port([]) != first


def test_settings_say_where_the_page_is_in_whatever_type_the_nucleus_keeps_them() -> None:
    assert page_port({}) == page_port({"status_port": "0"}) == page_port({"status_port": "x"}) == 0
    assert page_port({"status_port": "8790"}) == page_port({"status_port": 8790}) == 8790
    assert page_url({"status_port": 8790}) == "http://127.0.0.1:8790/"
    assert page_url({"status_port": 0}) == ""


@in_loop
async def test_what_a_component_says_is_wrong_is_read_from_its_page() -> None:
    shown: dict[str, object] = {}
    page = StatusPage(lambda: Snapshot("t", 0, 1, **shown))  # type: ignore[arg-type]  # of a test
    await page.open(0)
    settings = {"status_port": page.port}

    async def trouble() -> str:
        return await asyncio.to_thread(page_trouble, settings)

    assert await trouble() == ""
    shown["buses"] = [
        BusState("tcp", True, 1.0, 1, 0, 0, ("5",)), BusState("rtu", False, 1.0, 1, 0, 0),
    ]  # fmt: skip
    assert await trouble() == "tcp: 5 silent; rtu is down"
    shown["trouble"] = "no broker"
    assert await trouble() == "no broker"
    await page.close()
    assert await trouble() == "its status page does not answer"
    assert page_trouble({"status_port": "0"}) == ""
