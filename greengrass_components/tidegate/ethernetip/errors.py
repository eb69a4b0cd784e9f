"""What goes wrong with a controller."""

from tidegate.errors import BusDownError, GateError


class EthernetIpError(GateError):
    """The controller refuses, or there is no such tag."""


class EthernetIpDownError(EthernetIpError, BusDownError):
    """There is no connection to the controller."""
