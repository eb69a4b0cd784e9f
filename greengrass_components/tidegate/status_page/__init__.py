"""A page on loopback that shows what a component of the gateway reads, keeps and sends."""

from tidegate.status_page.server import StatusPage
from tidegate.status_page.snapshot import BusState, FieldState, GroupState, Snapshot, Table

__all__ = ["BusState", "FieldState", "GroupState", "Snapshot", "StatusPage", "Table"]
