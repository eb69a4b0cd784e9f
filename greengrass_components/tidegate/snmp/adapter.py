"""SNMP as the component sees it: groups that are polled, and groups that are told by traps.

A group's unit is an agent, `192.0.2.10` or `192.0.2.10:1161`. One with the option `trap`, an
object identifier, is not polled: each such trap of the unit (of anyone where it has none) is a
sample of the values that it brings.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyasn1.type import univ
from pysnmp.proto import rfc1902

from tidegate.adapter import Deliver
from tidegate.group import Group
from tidegate.sample import Sample, Value
from tidegate.snmp.agent_link import AgentLink
from tidegate.snmp.errors import SnmpDownError, SnmpError
from tidegate.snmp.settings import SnmpSettings, parse_oid
from tidegate.snmp.trap_listener import TrapListener
from tidegate.snmp.values import value_of

TRAP_OPTION = "trap"


class SnmpAdapter:
    """The adapter of any number of agents with the same credentials."""

    def __init__(
        self, settings: SnmpSettings, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.unknown_traps = 0
        self._settings, self._clock_ns = settings, clock_ns
        self._link: AgentLink | None = None
        self._listener: TrapListener | None = None
        self._requests = self._traps = 0

    async def connect(self) -> None:
        """Open a socket; no agent is asked yet."""
        await self.close()
        self._link = AgentLink(self._settings)

    async def close(self) -> None:
        """Let go of the sockets; never raises."""
        link, self._link = self._link, None
        if link:
            self._requests += link.requests
            link.close()

    def plan(self, group: Group) -> Sequence[str]:
        """Return a line for each request; raises `SnmpError` for a wrong address."""
        for tag in group.tags:
            parse_oid(tag.address)
        if trap := group.options.get(TRAP_OPTION):
            return [f"listen for trap {'.'.join(map(str, parse_oid(trap)))}"]
        count, size = len(group.tags), self._settings.oids_per_request
        return [
            f"get objects {start + 1} to {min(start + size, count)}"
            for start in range(0, count, size)
        ]

    async def poll(self, group: Group) -> Sample:
        """Read the group; raises `SnmpSilentError` when the agent does not answer."""
        link = self._connected()
        began_ns = self._clock_ns()
        found = await link.read(group.unit, [parse_oid(tag.address) for tag in group.tags])
        ended_ns = self._clock_ns()
        return self._sample(group, (began_ns + ended_ns) // 2, ended_ns, found)

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        """Deliver traps until cancelled; raises `SnmpError` where they can't be heard."""
        if not self._settings.trap_port:
            raise SnmpError(f"{groups[0].measurement} waits for traps: set trap_port")
        self._listener = self._listen(groups, deliver)
        try:
            await asyncio.Event().wait()
        finally:
            listener, self._listener = self._listener, None
            if listener:
                self._traps += listener.traps
                listener.close()

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Set a field's object, in the type it has; raises `SnmpError`."""
        link = self._connected()
        wanted = group.tag_to_write(tag, value)
        oid = parse_oid(wanted.address)
        (there,) = await link.read(group.unit, [oid])
        await link.write(group.unit, oid, _like(there, wanted.type, _raw(wanted, value), tag))

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        link, listener = self._link, self._listener
        return {
            "requests": self._requests + (link.requests if link else 0),
            "traps": self._traps + (listener.traps if listener else 0),
            "unknown_traps": self.unknown_traps,
        }

    def _connected(self) -> AgentLink:
        if self._link is None:
            raise SnmpDownError("not open")
        return self._link

    def _listen(self, groups: Sequence[Group], deliver: Deliver) -> TrapListener:
        wanted: dict[tuple[int, ...], list[Group]] = {}
        for group in groups:
            wanted.setdefault(parse_oid(group.options[TRAP_OPTION]), []).append(group)

        def heard(agent: str, trap: tuple[int, ...], values: dict[tuple[int, ...], Any]) -> None:
            now_ns = self._clock_ns()
            mine = [
                group
                for group in wanted.get(trap, [])
                if group.unit.partition(":")[0] in ("", agent)
            ]
            self.unknown_traps += not mine
            for group in mine:
                found = [values.get(parse_oid(tag.address)) for tag in group.tags]
                deliver(self._sample(group, now_ns, now_ns, found))

        return TrapListener(self._settings, heard)

    @staticmethod
    def _sample(group: Group, at_ns: int, received_at_ns: int, found: Sequence[Any]) -> Sample:
        pairs = [value_of(tag, raw) for tag, raw in zip(group.tags, found, strict=True)]
        qualities = bytes(quality for _, quality in pairs)
        return Sample(
            group,
            at_ns,
            received_at_ns,
            tuple(value for value, _ in pairs),
            qualities if any(qualities) else None,
        )


def _raw(tag: Any, value: Value) -> Value:
    if isinstance(value, bool) and tag.type == "truth":
        return 1 if value else 2
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(tag.raw(value))
    return value


def _like(there: Any, kind: str, value: Value, tag: str) -> Any:
    """Return `value` in the type of what is there; raises `SnmpError` if it can't be."""
    if isinstance(there, univ.OctetString):
        text = str(value)
        return rfc1902.OctetString(bytes.fromhex(text) if kind == "hex" else text.encode())
    if isinstance(there, univ.Integer) and isinstance(value, int | float):
        whole = round(float(value))
        if abs(whole - float(value)) > 1e-6:  # noqa: PLR2004  what scaling may leave
            raise SnmpError(f"{tag} takes whole numbers of its raw value, not {value}")
        return type(there)(whole)
    raise SnmpError(f"{tag} can't be set from {value!r}: it is {type(there).__name__}")
