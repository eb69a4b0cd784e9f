"""Listens for traps and informs of SNMP agents.

Flow: agents -> [trap listener] -> `heard`
Bounded: nothing queues; what comes with another community or user is dropped by pysnmp.
"""

import logging
import socket
from collections.abc import Callable
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import ntfrcv

from tidegate.snmp.errors import SnmpDownError
from tidegate.snmp.settings import SnmpSettings

log = logging.getLogger("tidegate.snmp")

TRAP_OID = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)  # snmpTrapOID.0: which trap it is
UPTIME_OID = (1, 3, 6, 1, 2, 1, 1, 3, 0)
Heard = Callable[[str, tuple[int, ...], dict[tuple[int, ...], Any]], None]


class TrapListener:
    """Calls `heard` with an agent's address, the trap and its values, until `close`."""

    def __init__(self, settings: SnmpSettings, heard: Heard) -> None:
        self.traps = 0
        self._heard = heard
        self._engine = engine.SnmpEngine()
        place = (settings.trap_host, settings.trap_port)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(place)  # pysnmp opens its own later, and tells nobody when it can't
        except OSError as error:
            raise SnmpDownError(
                f"can't listen for traps at {place[0]}:{place[1]}: {error.strerror}; below 1024 a "
                "user may not, and another program may have it"
            ) from error
        transport = udp.UdpTransport().open_server_mode(place)
        config.add_transport(self._engine, udp.DOMAIN_NAME, transport)
        config.add_v1_system(self._engine, "traps", settings.community)
        ntfrcv.NotificationReceiver(self._engine, self._take)

    def close(self) -> None:
        """End listening."""
        self._engine.close_dispatcher()

    def _take(
        self,
        snmp_engine: Any,
        state: Any,
        _context_engine: Any,
        _context: Any,
        pairs: Any,
        _mine: Any,
    ) -> None:
        _, address = snmp_engine.message_dispatcher.get_transport_info(state)
        values = {tuple(name): value for name, value in pairs}
        trap = values.get(TRAP_OID)
        if trap is None:
            log.warning("trap without an identifier agent=%s", address[0])
            return
        self.traps += 1
        self._heard(str(address[0]), tuple(trap), values)
