"""The simulated plant with the servers that show it: what `tidectl gateway sim` runs."""

import asyncio
import importlib
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from tidegate.simulators.plant import Plant
from tidegate.simulators.plant_clock import PlantClock, Shows
from tidegate.simulators.slow_link import SlowLink

KINDS = {
    "modbus": "Modbus TCP",
    "opcua": "OPC UA",
    "s7": "S7",
    "bacnet": "BACnet/IP",
    "ethernetip": "EtherNet/IP",
    "snmp": "SNMP",
}
_SERVERS = {
    "modbus": ("modbus_plant", "ModbusPlant"),
    "opcua": ("opcua_server", "OpcuaServer"),
    "s7": ("s7_server", "S7Server"),
    "bacnet": ("bacnet_device", "BacnetDevice"),
    "ethernetip": ("logix_controller", "LogixController"),
    "snmp": ("snmp_agent", "SnmpAgent"),
}
_URLS = {
    "modbus": "tcp://127.0.0.1:{}",
    "opcua": "opc.tcp://127.0.0.1:{}/plant",
    "s7": "s7://127.0.0.1:{}/0/1",
    "bacnet": "127.0.0.1:{}",  # a group's unit
    "ethernetip": "enip://127.0.0.1:{}/0",
    "snmp": "127.0.0.1:{}",
}


class FieldSimulation:
    """Serves one plant in each protocol that `ports` names (0: a free port).

    `round_trip_ms`, `dead`, `exceptions` are faults of every server as its protocol has them;
    `keys`, `trust` and `extra_nodes` are the OPC UA server's, `trap_port` the SNMP agent's.
    Raises `OSError` when a port is in use, and the library's `GateError` for settings that the
    plant does not take.
    """

    def __init__(
        self,
        ports: Mapping[str, int],
        *,
        seed: int = 0,
        speed: float = 1.0,
        tick_ms: int = 250,
        round_trip_ms: float = 0.0,
        dead: Sequence[str] = (),
        exceptions: float = 0.0,
        drift_per_h: Mapping[str, float] | None = None,
        keys: Path | None = None,
        trust: Path | None = None,
        extra_nodes: int = 0,
        trap_port: int = 0,
    ) -> None:
        self.plant = Plant(seed=seed, drift_per_h=drift_per_h)
        self._ports = dict(ports)
        self._seed, self._speed, self._tick_ms = seed, speed, tick_ms
        self._round_trip_ms, self._dead, self._exceptions = round_trip_ms, tuple(dead), exceptions
        self._keys, self._trust = keys, trust
        self._extra_nodes, self._trap_port = extra_nodes, trap_port
        self._stack = AsyncExitStack()
        self._addresses: dict[str, dict[str, Any]] = {}
        self._clock: asyncio.Task[None] | None = None

    def addresses(self) -> dict[str, dict[str, Any]]:
        """Return where each protocol is served: `{"modbus": {"host", "port", "url"}, ...}`.

        The url is what a tag map wants.
        """
        return self._addresses

    async def __aenter__(self) -> Self:
        servers = [await self._start(kind, port) for kind, port in self._ports.items()]
        clock = PlantClock(self.plant, servers, tick_ms=self._tick_ms, speed=self._speed)
        self._clock = asyncio.create_task(clock.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._clock:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        await self._stack.aclose()

    async def _start(self, kind: str, port: int) -> Shows:
        """Start a server; one that can't be slow by itself stands behind a slow link."""
        _check_free(kind, port)
        own_port = 0 if kind in ("opcua", "s7") and self._round_trip_ms else port
        server = await self._stack.enter_async_context(self._make(kind, own_port))
        port = server.port
        if kind in ("opcua", "s7") and self._round_trip_ms:
            link = SlowLink(server.port, round_trip_ms=self._round_trip_ms, port=self._ports[kind])
            port = (await self._stack.enter_async_context(link)).port
        self._addresses[kind] = {"host": "127.0.0.1", "port": port, "url": _URLS[kind].format(port)}
        shows: Shows = server
        return shows

    def _make(self, kind: str, port: int) -> Any:
        """Return the server; only the libraries of those asked for are imported."""
        module, name = _SERVERS[kind]
        server = getattr(importlib.import_module(f"tidegate.simulators.{module}"), name)
        return server(self.plant, port=port, **self._faults(kind))

    def _faults(self, kind: str) -> dict[str, Any]:
        """Return the settings of one server beside plant and port."""
        faults = {"dead": self._dead, "exceptions": self._exceptions, "seed": self._seed}
        slow = {**faults, "round_trip_ms": self._round_trip_ms}
        if kind == "opcua":
            return {
                "dead": self._dead,
                "bad_share": self._exceptions,
                "seed": self._seed,
                "keys": self._keys,
                "client_certificates": self._trust,
                "extra_nodes": self._extra_nodes,
            }
        own: dict[str, dict[str, Any]] = {
            "s7": faults,
            "snmp": {**slow, "trap_port": self._trap_port},
        }
        return own.get(kind, slow)


def _check_free(kind: str, port: int) -> None:
    """Raise `OSError` when a port that is asked for is taken: not each library tells."""
    shape = socket.SOCK_DGRAM if kind in ("bacnet", "snmp") else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, shape) as probe:
        if shape is socket.SOCK_STREAM:  # of one that has just ended nobody is in the way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
