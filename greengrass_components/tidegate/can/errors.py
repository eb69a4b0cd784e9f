"""What goes wrong with a CAN bus."""

from tidegate.errors import BusDownError, GateError, UnitSilentError


class CanError(GateError):
    """An address that no DBC file has, or something that a listener does not do."""


class CanDownError(CanError, BusDownError):
    """The interface can't be opened."""


class CanSilentError(CanError, UnitSilentError):
    """Nobody has sent any of the group's messages lately."""
