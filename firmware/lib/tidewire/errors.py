"""What can be wrong with a payload; every error of this package is a `WireError`.

Those that only a reader meets stand in `tidewire.read_errors`: a board does without them.
"""


class WireError(Exception):
    """A payload, or a value on its way into one, that this package refuses."""


class WireMalformedError(WireError):
    """The input breaks a rule of its format; more bytes cannot mend it."""


class WireLimitError(WireError):
    """A size or a number is outside what the format allows."""

    def __init__(self, what: str, value: int, limit: int) -> None:
        # Spelled out, since a bare super() is a closure, which is heap on a board.
        super(WireLimitError, self).__init__("%s is %s, the limit is %s" % (what, value, limit))
        self.what, self.value, self.limit = what, value, limit
