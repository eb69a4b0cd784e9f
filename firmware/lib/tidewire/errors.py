"""What can be wrong with a payload; every error of this package is a `WireError`."""


class WireError(Exception):
    """A payload, or a value on its way into one, that this package refuses."""


class WireTruncatedError(WireError):
    """The input ended inside a value; more bytes may complete it."""

    def __init__(self, need_bytes: int, have_bytes: int) -> None:
        super().__init__(f"need {need_bytes} bytes, have {have_bytes}")
        self.need_bytes, self.have_bytes = need_bytes, have_bytes


class WireMalformedError(WireError):
    """The input breaks a rule of its format; more bytes cannot mend it."""


class WireVersionError(WireError):
    """The payload is of a format version that this code does not know."""

    def __init__(self, version: object) -> None:
        super().__init__(f"unknown format version {version!r}")
        self.version = version


class WireLimitError(WireError):
    """A size or a number is outside what the format allows."""

    def __init__(self, what: str, value: int, limit: int) -> None:
        super().__init__(f"{what} is {value}, the limit is {limit}")
        self.what, self.value, self.limit = what, value, limit
