"""What goes wrong with SNMP agents."""

from tidegate.errors import BusDownError, GateError, UnitSilentError


class SnmpError(GateError):
    """An agent refuses, or an address that no agent has."""


class SnmpSilentError(SnmpError, UnitSilentError):
    """The agent does not answer: it is away, or takes other credentials."""


class SnmpDownError(SnmpError, BusDownError):
    """Our own port can't be opened."""
