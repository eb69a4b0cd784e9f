"""The portal on the VM, by plain HTTP and DNS: what a phone sends, and what nobody should."""

import json
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.firmware import vm

AROUND = {"barn": (-50, "s3cretpass"), "Cafe <b>'": (-70, ""), "far": (-90, "elsewhere")}
SCRIPT = Path(__file__).with_name("portal_run.py")
UP_S_MAX = 15.0
PAGE_BYTES_MAX = 6 * 1024
GARBAGE = 150
SEED = 4


class Phone:
    """What is at the access point."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.ports = [free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)]
        given = {"ports": self.ports, "around": AROUND} | options
        self._pool = ThreadPoolExecutor(1)
        self.board: Future[Any] = self._pool.submit(vm.run, SCRIPT, str(folder), json.dumps(given))

    def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Return status, body and Location; waits until the portal is up."""
        body = urlencode(fields) if fields is not None else None
        end = time.monotonic() + UP_S_MAX
        while True:
            connection = HTTPConnection("127.0.0.1", self.ports[0], timeout=UP_S_MAX)
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(), answer.getheader("Location", "")
            except ConnectionRefusedError:
                assert time.monotonic() < end, "the portal did not come up"
                assert not self.board.done(), self.board.exception()
                time.sleep(0.02)
            finally:
                connection.close()

    def page(self) -> str:
        """Return the page."""
        status, page, _ = self.ask("GET", "/")
        assert status == 200
        return page

    def send(self, **fields: str) -> tuple[int, str]:
        """Fill the page in and press its button."""
        token = re.search(r"name=token value=(\w{32})", self.page())
        assert token
        status, page, _ = self.ask("POST", "/", {"token": token[1]} | fields)
        return status, page

    def raw(self, data: bytes, *, end: bool = True) -> bytes:
        """Return what is answered to `data`."""
        with socket.create_connection(("127.0.0.1", self.ports[0]), timeout=UP_S_MAX) as wire:
            try:
                wire.sendall(data)
                if end:
                    wire.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: wire.recv(4096), b""))
            except OSError:
                return b""  # cut off while it still spoke

    def look_up(self, query: bytes) -> bytes:
        """Return the answer to a DNS query, or nothing."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(2.0)
            asker.sendto(query, ("127.0.0.1", self.ports[1]))
            try:
                return asker.recv(512)
            except TimeoutError:
                return b""

    def config(self) -> Any:
        """Return what the board wrote."""
        return json.loads((self.folder / "config.json").read_text())

    def close(self) -> None:
        """End the board by an honest wish, if it still runs."""
        if not self.board.done():
            self.send(ssid="barn", insist="1", thing="t", site="s")
        self.board.exception()
        self._pool.shutdown()


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    phone = Phone(tmp_path)
    yield phone
    phone.close()


def test_a_first_boot_is_told_wifi_and_name_and_writes_both(phone: Phone) -> None:
    page = phone.page()
    assert len(page.encode()) < PAGE_BYTES_MAX
    assert page.index("barn") < page.index("Cafe &lt;b&gt;&#39;") < page.index("far")
    assert "http" not in page.replace("http-equiv", "")  # nothing from outside
    status, page = phone.send(ssid="barn", password="s3cretpass", thing="shed-1", site="farm")
    assert (status, "Joining barn" in page) == (200, True)
    settings = phone.board.result(UP_S_MAX)
    assert phone.config() == {
        "thing": "shed-1",
        "site": "farm",
        "wifi": {"networks": [{"ssid": "barn", "password": "s3cretpass"}]},
    }
    assert settings["ssid"] == "tidegauge-abcdef"
    assert settings["security"] == 3
    assert re.fullmatch("[a-km-z2-9]{10}", settings["key"])
    assert settings["active"] is False
    assert settings["growth"] < 45_000
    assert os.listdir(phone.folder) == ["config.json"]


def test_a_wrong_password_is_told_and_nothing_is_written(phone: Phone) -> None:
    phone.send(ssid="barn", password="wrong-pass", thing="shed-1", site="farm")
    page = wait_for(phone, "does not take this password")
    assert not (phone.folder / "config.json").exists()
    assert "wrong-pass" not in page
    assert "value='barn' checked" in page
    assert "value='shed-1'" in page
    phone.send(ssid="barn", password="s3cretpass", thing="shed-1", site="farm")
    phone.board.result(UP_S_MAX)
    assert phone.config()["thing"] == "shed-1"


def test_a_network_that_is_not_here_yet_is_taken_where_somebody_insists(phone: Phone) -> None:
    phone.send(ssid="", other="new barn", thing="shed-1", site="farm")
    wait_for(phone, "new barn is not in reach")
    phone.send(ssid="", other="new barn", insist="1", thing="shed-1", site="farm")
    phone.board.result(UP_S_MAX)
    assert phone.config()["wifi"] == {"networks": [{"ssid": "new barn", "password": ""}]}


def test_a_network_that_was_switched_on_since_is_found_by_another_look(tmp_path: Path) -> None:
    phone = Phone(tmp_path, later={"new <i>": (-40, "anewsecret")})
    assert "new &lt;i&gt;" not in phone.page()
    status, page = phone.send(
        look="1", ssid="barn", other="", password="halfway", thing="shed-1", site="", insist="1"
    )
    assert status == 200
    assert page.index("new &lt;i&gt;") < page.index("value='barn' checked")
    assert "role=alert" not in page
    assert "value='shed-1'" in page  # what was typed stays, but no password
    assert "halfway" not in page
    assert not (tmp_path / "config.json").exists()
    phone.send(ssid="new <i>", password="anewsecret", thing="shed-1", site="farm")
    phone.board.result(UP_S_MAX)
    assert phone.config()["wifi"]["networks"][0]["ssid"] == "new <i>"


def test_a_look_that_fails_keeps_what_was_found_and_says_so(tmp_path: Path) -> None:
    phone = Phone(tmp_path, deaf=True)
    _, page = phone.send(look="1")
    assert "could not look for networks" in page
    assert "barn" in page
    phone.close()


def test_where_no_network_is_in_reach_one_is_typed(tmp_path: Path) -> None:
    phone = Phone(tmp_path, around={})
    page = phone.page()
    assert "No network is in reach" in page
    assert "<input type=radio name=ssid value='' checked>" in page
    phone.close()


def test_enter_connects_and_does_not_look(phone: Phone) -> None:
    """It presses the form's first button."""
    form = phone.page().partition("<form")[2]
    assert "name=" not in re.findall(r"<button[^>]*>", form)[0]


def test_mistakes_are_told_together(phone: Phone) -> None:
    status, page = phone.send(ssid="", other="", password="short", thing="a b", site="")
    assert status == 400
    assert page.count("role=alert") == 4
    assert "a b" in page
    assert "short" not in page


def test_a_board_with_a_claim_needs_wifi_alone(tmp_path: Path) -> None:
    (tmp_path / "claim.json").write_text("{}")
    before = {
        "wifi": "portal",
        "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 1000}],
    }
    (tmp_path / "config.json").write_text(json.dumps(before))
    phone = Phone(tmp_path)
    assert "name=thing" not in phone.page()
    phone.send(ssid="Cafe <b>'", password="")
    phone.board.result(UP_S_MAX)
    wifi = {"networks": [{"ssid": "Cafe <b>'", "password": ""}]}
    assert phone.config() == before | {"wifi": wifi}


def test_networks_known_before_stay_behind_the_new_one(tmp_path: Path) -> None:
    home = {"ssid": "home", "password": "athome", "address": "10.0.0.7", "gateway": "10.0.0.1"}
    barn = {"ssid": "barn", "password": "old", "address": "10.0.1.7", "gateway": "10.0.1.1"}
    before = {"thing": "shed-1", "wifi": {"country": "NL", "networks": [home, barn]}}
    (tmp_path / "config.json").write_text(json.dumps(before))
    phone = Phone(tmp_path)
    phone.send(ssid="barn", password="s3cretpass")
    phone.board.result(UP_S_MAX)
    new = barn | {"password": "s3cretpass"}
    assert phone.config()["wifi"] == {"country": "NL", "networks": [new, home]}


def test_a_portal_that_nobody_visits_ends_where_there_is_a_wifi(tmp_path: Path) -> None:
    text = json.dumps({"thing": "shed-1", "portal": {"open": True}, "wifi": {"ssid": "home"}})
    (tmp_path / "config.json").write_text(text)
    phone = Phone(tmp_path, idle_ms=300)
    settings = phone.board.result(UP_S_MAX)
    assert "key" not in settings
    assert settings["security"] == 0
    assert (tmp_path / "config.json").read_text() == text


def test_a_flash_that_does_not_take_it_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"thing": "shed-1", "wifi": "portal"}')
    (tmp_path / "config.json.draft").mkdir()  # what can't be written
    phone = Phone(tmp_path)
    phone.send(ssid="barn", password="s3cretpass")
    wait_for(phone, "flash does not take it")
    assert phone.config() == {"thing": "shed-1", "wifi": "portal"}
    (tmp_path / "config.json.draft").rmdir()
    phone.close()


def test_only_who_has_seen_the_page_can_change_anything(phone: Phone) -> None:
    phone.page()
    fields = {"ssid": "barn", "password": "s3cretpass", "thing": "evil", "site": "farm"}
    for token in ({}, {"token": ""}, {"token": "0" * 32}):
        assert phone.ask("POST", "/", fields | token)[0] == 403
    assert phone.ask("GET", "/?" + urlencode(fields))[0] == 200
    assert phone.ask("PUT", "/", fields)[0] == 405
    assert phone.ask("POST", "/save", fields)[0] == 404
    assert not (phone.folder / "config.json").exists()


@pytest.mark.parametrize("path", ["/generate_204", "/hotspot-detect.html", "/connecttest.txt"])
def test_a_phone_that_looks_for_a_portal_is_sent_to_the_page(phone: Phone, path: str) -> None:
    status, _, location = phone.ask("GET", path)
    assert (status, location) == (302, f"http://127.0.0.1:{phone.ports[0]}/")


def test_requests_without_end_are_refused(phone: Phone) -> None:
    phone.page()
    assert b" 431 " in phone.raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 3_060)[:30]
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    assert phone.raw(head % 100_000).startswith(b"HTTP/1.1 413 ")
    assert phone.raw(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")[9:12] == b"411"
    assert phone.raw(head % 100 + b"token=") == b""  # it ended before its end


def test_connections_that_say_nothing_are_few_and_end(phone: Phone) -> None:
    phone.page()
    address = ("127.0.0.1", phone.ports[0])
    silent = [socket.create_connection(address, timeout=UP_S_MAX) for _ in range(8)]
    began = time.monotonic()
    for wire in silent:
        assert wire.recv(10) == b""
        wire.close()
    assert 1.0 < time.monotonic() - began < UP_S_MAX
    phone.page()


def test_garbage_changes_nothing_and_ends_nothing(phone: Phone) -> None:
    phone.page()
    chance = random.Random(SEED)
    good = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
    good += b"token=0&ssid=%41&password=%C3%28&thing=a"
    for _ in range(GARBAGE):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            data = bytearray(chance.randbytes(chance.randrange(1, 400)))
        try:
            phone.raw(bytes(data[: chance.randrange(1, len(data) + 1)]))
        except HTTPException:
            continue
        query = bytearray(QUERY)
        query[chance.randrange(len(query))] = chance.randrange(256)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.sendto(
                bytes(query[: chance.randrange(len(query) + 1)]), ("127.0.0.1", phone.ports[1])
            )
    assert not (phone.folder / "config.json").exists(), f"seed {SEED}"
    assert "Set up this board" in phone.page()
    assert phone.look_up(QUERY)


QUERY = bytes.fromhex("1234010000010000000000000763617074697665056170706c6503636f6d0000010001")
QUERY_AAAA = QUERY[:-4] + b"\0\x1c\0\1"


def test_every_name_is_the_boards_address(phone: Phone) -> None:
    phone.page()
    answer = phone.look_up(QUERY)
    assert answer[:2] == QUERY[:2]
    assert answer[2] & 0x80
    assert answer[6:8] == b"\0\1"
    assert answer[-4:] == bytes((127, 0, 0, 1))
    assert phone.look_up(QUERY_AAAA)[6:8] == b"\0\0"  # there is none, which ends the search


def wait_for(phone: Phone, text: str) -> str:
    end = time.monotonic() + UP_S_MAX
    while text not in (page := phone.page()):
        assert time.monotonic() < end, page[-1500:]
        time.sleep(0.05)
    return page
