"""Ask a person with a phone for Wi-Fi and name: an access point with one page. Loaded when needed.

Flow: phone > access point > [portal] > /config.json, then the board starts anew
The configuration is written when the board has joined the network that it was told, or when
the person insists; whole, or not at all.
"""

import asyncio
import json
import os
import sys

from tidenode.portal import form
from tidenode.portal.name_server import answer_for_ever
from tidenode.portal.page import Page
from tidenode.portal.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONFIG = "/config.json"
JOIN_MS_MAX = 15_000
ANSWER_MS = 2_000  # for the answer to arrive before the radio turns to the other network
IDLE_MS_MAX = 600_000  # where there is a Wi-Fi already: somebody leant on the button
_POLL_MS = 100
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no two look alike; 32, so that all are as likely
_PASSWORD_CHARACTERS = 10  # 50 bits: WPA2 lets 8 be guessed offline
_SCANNED_MAX = 12


class Portal:
    """The access point and what is behind it; `restart` is called when all is said."""

    def __init__(self, hardware: "Any", network: "Any", root: str = "") -> None:
        self._network = network
        self._root = root
        self._document = _document(root)
        self._page = Page(form.token_of(os.urandom(16)), _is_nameless(root, self._document), [])
        self._look()
        self._wish: Any = None
        self._wished = asyncio.Event()
        self._point = network.WLAN(network.AP_IF)
        self.ssid = "tidegauge-" + "".join(["%02x" % byte for byte in hardware.unique_id()[-3:]])
        self.password = "".join([_ALPHABET[byte & 31] for byte in os.urandom(_PASSWORD_CHARACTERS)])
        if self._options().get("open") is True:
            self.password = ""

    async def run(self) -> None:
        """Serve until the configuration is written, or nobody came."""
        http_port, dns_port = getattr(self._network, "portal_ports", (80, 53))
        self._open_point()
        address = self._point.ifconfig()[0]
        server = Server(self._page, self._take, self._look)
        listener = await server.listen(address, http_port)
        names = asyncio.create_task(answer_for_ever(address, dns_port))
        where = address if http_port == 80 else "%s:%d" % (address, http_port)
        print(
            "set-up: join the Wi-Fi %s, password %s, then open http://%s"
            % (self.ssid, self.password or "(none)", where),
            file=sys.stderr,
        )
        try:
            while not await self._settled(server):
                pass
        finally:
            names.cancel()
            listener.close()
            self._point.active(False)

    def _open_point(self) -> None:
        network = self._network
        if self.password:
            self._point.config(
                ssid=self.ssid, key=self.password, security=network.AUTH_WPA2_PSK, max_clients=2
            )
        else:
            self._point.config(ssid=self.ssid, security=network.AUTH_OPEN, max_clients=2)
        self._point.active(True)

    def _look(self) -> None:
        """Have the page show what is in reach, by strength; it stops the board for two seconds."""
        station = self._network.WLAN(self._network.STA_IF)
        station.active(True)
        found: dict[str, tuple[int, bool]] = {}
        try:
            for ssid, _, _, rssi_dbm, security, *_ in station.scan():
                name = _text(ssid)
                if name and rssi_dbm > found.get(name, (-1_000, False))[0]:
                    found[name] = rssi_dbm, bool(security)
        except OSError:  # then its name has to be typed, or was found before
            self._page.mistakes = ["The board could not look for networks."]
            return
        rows = sorted([(-rssi_dbm, name, locked) for name, (rssi_dbm, locked) in found.items()])
        self._page.networks = [
            (name, -weak_dbm, locked) for weak_dbm, name, locked in rows[:_SCANNED_MAX]
        ]

    def _take(self, wish: "Any") -> None:
        self._wish = wish
        self._page.joining = wish.network["ssid"]
        self._page.mistakes = []
        self._wished.set()

    async def _settled(self, server: Server) -> bool:
        """Wait for a wish and try it; return whether it is in the configuration, or none came."""
        try:
            await asyncio.wait_for_ms(self._wished.wait(), IDLE_MS_MAX)  # type: ignore[attr-defined]  # MicroPython's
        except asyncio.TimeoutError:
            seen, server.requests = server.requests, 0
            return not seen and isinstance(self._document.get("wifi"), dict)
        self._wished.clear()
        await asyncio.sleep_ms(ANSWER_MS)  # type: ignore[attr-defined]  # MicroPython's
        failure = "" if self._wish.insists else await self._try(self._wish.network)
        if not failure:
            failure = self._write()
        self._page.joining = ""
        if failure:
            self._page.mistakes = [failure]
            return False
        self._page.done = self._wish.network["ssid"]
        await asyncio.sleep_ms(ANSWER_MS)  # type: ignore[attr-defined]  # for a page that asks again
        return True

    async def _try(self, one: "dict[str, str]") -> str:
        """Join; return why not."""
        station = self._network.WLAN(self._network.STA_IF)
        try:
            station.disconnect()
            station.connect(one["ssid"], one["password"])
            for _ in range(JOIN_MS_MAX // _POLL_MS):
                if station.isconnected():
                    station.disconnect()
                    return ""
                status = station.status()
                if status == getattr(self._network, "STAT_WRONG_PASSWORD", None):
                    break
                await asyncio.sleep_ms(_POLL_MS)  # type: ignore[attr-defined]  # MicroPython's
            status = station.status()
            station.disconnect()
        except OSError:
            status = None
        if status == getattr(self._network, "STAT_WRONG_PASSWORD", -1):
            return "%s does not take this password." % one["ssid"]
        if status == getattr(self._network, "STAT_NO_AP_FOUND", -1):
            return "%s is not in reach." % one["ssid"]
        return "%s could not be joined." % one["ssid"]

    def _write(self) -> str:
        path = self._root + CONFIG
        try:
            with open(path + ".draft", "w") as file:
                json.dump(form.merged(self._document, self._wish), file)
            os.rename(path + ".draft", path)
        except OSError as error:
            return "The board's flash does not take it: error %s." % error.errno
        return ""

    def _options(self) -> "dict[str, Any]":
        options = self._document.get("portal")
        return options if isinstance(options, dict) else {}


def run(hardware: "Any", network: "Any") -> None:
    """Run the portal, then start the board anew."""
    asyncio.run(Portal(hardware, network).run())
    hardware.reset()


def _document(root: str) -> "dict[str, Any]":
    try:
        with open(root + CONFIG) as file:
            document = json.load(file)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_nameless(root: str, document: "dict[str, Any]") -> bool:
    """Return whether nobody else will give the board its name: no configuration, no claim."""
    return "thing" not in document and "claim.json" not in os.listdir(root or "/")


def _text(ssid: bytes) -> str:
    try:
        return ssid.decode()
    except UnicodeError:
        return ""
