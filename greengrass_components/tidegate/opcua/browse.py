"""Find the variables of an OPC UA server.

Follows hierarchical references from Objects; the server's own object is left out. Bounded:
`VARIABLES_MAX` variables, `DEPTH_MAX` levels; a node is visited once, so that rings end.
"""

import logging
from typing import Any

from asyncua import ua

from tidegate.browsed import Browsed
from tidegate.opcua.errors import OpcuaError
from tidegate.opcua.session import Session
from tidegate.opcua.settings import OpcuaSettings

log = logging.getLogger("tidegate.opcua")

VARIABLES_MAX = 20_000
DEPTH_MAX = 16
_READABLE, _WRITABLE = 1, 2  # bits of an access level
_PLAIN_TYPES = frozenset((*range(1, 14), 21))  # numbers, texts, instants, localized text

_ATTRIBUTES = (ua.AttributeIds.DataType, ua.AttributeIds.ValueRank, ua.AttributeIds.UserAccessLevel)


async def browse(settings: OpcuaSettings) -> list[Browsed]:
    """Return every variable with a plain value; raises `OpcuaError`."""
    session = Session(settings)
    await session.open()
    try:
        return await session.ask("can't browse", _Browser(session).run())  # type: ignore[no-any-return]  # asyncua has no types here
    finally:
        await session.close()


class _Browser:
    def __init__(self, session: Session) -> None:
        self._session, self._client = session, session.client
        self._namespaces: list[str] = []
        self._seen: set[Any] = set()
        self._found: list[tuple[str, str, Any]] = []

    async def run(self) -> list[Browsed]:
        self._namespaces = await self._client.get_namespace_array()
        await self._walk(self._client.nodes.objects, "", 0)
        return [one for variable in self._found if (one := await self._look_into(*variable))]

    async def _walk(self, node: Any, folder: str, depth: int) -> None:
        if depth > DEPTH_MAX:
            log.warning("not browsed any deeper than %d levels at %s", DEPTH_MAX, folder)
            return
        children = await node.get_children_descriptions(
            refs=ua.ObjectIds.HierarchicalReferences,
            nodeclassmask=ua.NodeClass.Object | ua.NodeClass.Variable,
        )
        for child in children:
            identifier = child.NodeId
            is_server = identifier.NamespaceIndex == 0 and folder == ""
            is_property = child.ReferenceTypeId.Identifier == ua.ObjectIds.HasProperty
            if identifier in self._seen or is_server or is_property:
                continue
            self._seen.add(identifier)
            if child.NodeClass == ua.NodeClass.Variable:
                if len(self._found) >= VARIABLES_MAX:
                    raise OpcuaError(f"the server has more than {VARIABLES_MAX} variables")
                self._found.append((folder, child.BrowseName.Name, identifier))
            path = f"{folder}/{child.BrowseName.Name}" if folder else child.BrowseName.Name
            await self._walk(self._client.get_node(identifier), path, depth + 1)

    async def _look_into(self, folder: str, name: str, identifier: Any) -> Browsed | None:
        """Return a variable with its facts; None for one that is no plain value or unreadable."""
        node = self._client.get_node(identifier)
        kind, rank, access = (
            data.Value.Value if data.Value is not None else None
            for data in await node.read_attributes(
                [
                    ua.AttributeIds.DataType,
                    ua.AttributeIds.ValueRank,
                    ua.AttributeIds.UserAccessLevel,
                ]
            )
        )
        base = kind.Identifier if kind is not None and kind.NamespaceIndex == 0 else None
        if base not in _PLAIN_TYPES and base not in (26, 27, 28, 29):
            return None
        if (rank or -1) > 0 or not (access or 0) & _READABLE:
            return None
        unit, low, high = await self._properties(node)
        return Browsed(
            folder=folder,
            name=name,
            address=self._address(identifier),
            unit=unit,
            low=low,
            high=high,
            writable=bool((access or 0) & _WRITABLE),
            is_text=base in (ua.ObjectIds.String, ua.ObjectIds.LocalizedText),
        )

    async def _properties(self, node: Any) -> tuple[str, float | None, float | None]:
        unit, low, high = "", None, None
        for one in await node.get_properties():
            name = (await one.read_browse_name()).Name
            if name == "EURange":
                span = await one.read_value()
                low, high = float(span.Low), float(span.High)
            elif name == "EngineeringUnits":
                unit = (await one.read_value()).DisplayName.Text or ""
        return unit, low, high

    def _address(self, identifier: Any) -> str:
        """Return a node id that names its namespace: indexes change when a server restarts."""
        text = str(identifier.to_string())
        index = identifier.NamespaceIndex
        if not index:
            return text
        return f"nsu={self._namespaces[index]};{text.partition(';')[2]}"
