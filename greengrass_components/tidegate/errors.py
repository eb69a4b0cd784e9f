"""The base of every error of the gateway's library, and the two that a poller acts upon."""


class GateError(Exception):
    """Something of the gateway did not work; the message says what, and what to do."""


class UnitSilentError(GateError):
    """A unit did not answer in time; the connection and the other units may be well."""


class BusDownError(GateError):
    """The connection itself is gone, with all units behind it: connect anew."""
