"""The base of every error of the gateway's library."""


class GateError(Exception):
    """Something of the gateway did not work; the message says what, and what to do."""
