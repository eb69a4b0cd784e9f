"""What goes wrong with a controller."""

from tidegate.errors import BusDownError, GateError


class S7AdapterError(GateError):
    """The controller refuses, or there is no such field."""


class S7DownError(S7AdapterError, BusDownError):
    """There is no connection to the controller."""
