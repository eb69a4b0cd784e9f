"""Which port a status page gets."""

import socket

from tidectl.gateway.status_pages import PORTS, choose_port, page_port, page_url


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
