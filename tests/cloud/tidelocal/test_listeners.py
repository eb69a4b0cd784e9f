"""The four doors: bound before anything else, or refused with the port and its option."""

import socket
from pathlib import Path

import pytest

from tidelocal import listeners
from tidelocal.errors import StartRefusedError
from tidelocal.settings import Settings

ANY_PORT = Settings(state=Path(), http_port=0, mqtt_port=0, store_port=0)


def _taken() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_free_ports_are_taken_on_loopback() -> None:
    doors = listeners.take(ANY_PORT, {})
    try:
        ports = doors.ports()
        assert len(set(ports.values())) == 4
        assert {
            door.getsockname()[0] for door in (doors.http, doors.mqtt, doors.store, doors.device)
        } == {"127.0.0.1"}
        for port in ports.values():
            socket.create_connection(("127.0.0.1", port), 5).close()
    finally:
        doors.close()


def test_the_ports_of_the_last_run_are_taken_again() -> None:
    doors = listeners.take(ANY_PORT, {})
    ports = doors.ports()
    doors.close()
    again = listeners.take(ANY_PORT, ports)
    assert again.ports() == ports
    again.close()


def test_a_last_port_that_someone_else_has_now_is_replaced() -> None:
    with _taken() as other:
        port = other.getsockname()[1]
        doors = listeners.take(ANY_PORT, {"mqtt": port})
        assert doors.ports()["mqtt"] != port
        doors.close()


@pytest.mark.parametrize("name", ["http", "mqtt", "store"])
def test_a_port_in_use_is_named_with_its_option_and_the_others_are_given_back(name: str) -> None:
    with _taken() as other:
        port = other.getsockname()[1]
        free = [_free_port(), _free_port()]
        ports = {door: port if door == name else free.pop() for door in ("http", "mqtt", "store")}
        settings = Settings(state=Path(), **{f"{door}_port": each for door, each in ports.items()})  # type: ignore[arg-type]  # ports are numbers
        with pytest.raises(StartRefusedError) as refusal:
            listeners.take(settings, {})
        assert str(refusal.value) == (
            f"port {port} is in use: end what holds it, or give another --{name}-port"
        )
        for each in set(ports.values()) - {port}:
            socket.create_server(("127.0.0.1", each)).close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartRefusedError, match=r"can't listen on 192\.0\.2\.7"):
        listeners.take(Settings(state=Path(), listen="192.0.2.7"), {})


def _free_port() -> int:
    with _taken() as door:
        return int(door.getsockname()[1])
