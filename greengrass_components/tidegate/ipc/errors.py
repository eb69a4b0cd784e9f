"""What can go wrong between a component and its nucleus."""

from tidegate.errors import GateError


class IpcError(GateError):
    """Anything that the IPC of Greengrass can fail with."""


class FrameTruncatedError(IpcError):
    """The input ends inside a frame; more bytes may complete it."""

    def __init__(self, need_bytes: int, have_bytes: int) -> None:
        super().__init__(f"need {need_bytes} bytes, have {have_bytes}")
        self.need_bytes, self.have_bytes = need_bytes, have_bytes


class FrameMalformedError(IpcError):
    """The bytes are no frame: a wrong checksum, length or header type."""


class ConnectionLostError(IpcError):
    """The socket is not there, or the nucleus hung up; try again once connected."""


class TokenRefusedError(IpcError):
    """The nucleus does not know this component's token."""


class OperationError(IpcError):
    """The nucleus answered with an error; `kind` is its type, as `UnauthorizedError`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message = kind, message


UNAUTHORIZED = "UnauthorizedError"
NOT_FOUND = "ResourceNotFoundError"
SERVICE = "ServiceError"
INVALID = "InvalidArgumentsError"
INVALID_TOKEN = "InvalidTokenError"  # noqa: S105  an error's name
