"""A board asks for its Wi-Fi where it knows none, with the heap of a board."""

from typing import Any

import pytest

from tests.firmware.lib.tidenode.bench import SETTINGS, Bench
from tests.firmware.lib.tidenode.portal.test_portal import Phone, free_port
from tidectl.firmware_image import configuration
from tidectl.simulated_board import RESET_EXIT_CODE, SimulatedBoard

END_S_MAX = 20.0


class Ports(Phone):
    """A phone at a whole board."""

    def __init__(self, board: SimulatedBoard, ports: list[int]) -> None:
        self.ports = ports
        self.board: Any = self
        self._whole_board = board

    def done(self) -> bool:
        """Return whether the board has ended."""
        return not self._whole_board.running

    def exception(self) -> str:
        """Return why."""
        return self._whole_board.last_log_line()


def test_a_board_is_told_its_wifi_and_runs_with_it(bench: Bench) -> None:
    image = bench.image(wifi="portal")
    ports = (free_port(1), free_port(2))
    board = bench.board(image, portal_ports=ports)
    phone = Ports(board, list(ports))
    phone.send(ssid="", other="barn", password="s3cretpass")
    assert board.wait(END_S_MAX) == RESET_EXIT_CODE, bench.log()
    networks = [{"ssid": "barn", "password": "s3cretpass"}]
    assert configuration(image.read_bytes()) == {
        "broker": {"host": "127.0.0.1", "port": bench.broker.port}
    } | SETTINGS | {"wifi": {"networks": networks}}
    assert "set-up: join the Wi-Fi tidegauge-" in bench.log()
    assert "s3cretpass" not in bench.log()
    bench.broker.resume()
    bench.assert_whole(bench.end_when_connected(bench.board(image)))


def test_a_board_that_waits_for_a_person_ends_when_it_is_told(bench: Bench) -> None:
    ports = (free_port(1), free_port(2))
    board = bench.board(wifi="portal", portal_ports=ports)
    Ports(board, list(ports)).page()
    board.interrupt()
    assert board.wait(END_S_MAX) == 0


@pytest.mark.parametrize(("wifi", "portal"), [("portals", {}), (None, {"button_pin": "4"})])
def test_a_mistake_is_told_before_the_board_has_it(bench: Bench, wifi: Any, portal: Any) -> None:
    with pytest.raises(Exception, match=r"config\.json: 1 mistake: (wifi|portal)"):
        bench.image(wifi=wifi, portal=portal)
