"""What else can be wrong with a payload for its reader."""

from tidewire.errors import WireError


class WireTruncatedError(WireError):
    """The input ended inside a value; more bytes may complete it."""

    def __init__(self, need_bytes: int, have_bytes: int) -> None:
        super().__init__(f"need {need_bytes} bytes, have {have_bytes}")
        self.need_bytes, self.have_bytes = need_bytes, have_bytes


class WireVersionError(WireError):
    """The payload is of a format version that this code does not know."""

    def __init__(self, version: object) -> None:
        super().__init__(f"unknown format version {version!r}")
        self.version = version
