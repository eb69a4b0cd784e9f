"""What can go wrong in the local cloud."""


class LocalCloudError(Exception):
    """Base of the errors of this package."""


class StartRefusedError(LocalCloudError):
    """The local cloud can't start here: a port in use, a locked directory, a full disk."""


class ContractError(LocalCloudError):
    """MiniStack is not as this package was written for; says which names differ."""

    def __init__(self, version: str, breaches: list[str]) -> None:
        super().__init__(
            f"ministack {version} is not the one the local cloud knows: " + "; ".join(breaches)
        )
        self.version, self.breaches = version, breaches


class BackPressureError(LocalCloudError):
    """There is no room now: the sender keeps what it has and tries again."""


class StorageFullError(BackPressureError):
    """The disk took no more bytes; nothing of this write was kept."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}; free some space, senders will try again")
        self.path, self.reason = path, reason


class StreamFullError(BackPressureError):
    """A stream holds all that it may hold of what nobody has consumed yet."""

    def __init__(self, stream: str, have_bytes: int, bytes_max: int) -> None:
        super().__init__(
            f"stream {stream} holds {have_bytes} bytes, {bytes_max} at most: "
            "its consumer is behind or failing"
        )
        self.stream, self.have_bytes, self.bytes_max = stream, have_bytes, bytes_max


class ServiceCallError(LocalCloudError):
    """A hosted service answered with an error."""

    def __init__(self, service: str, code: str, message: str) -> None:
        super().__init__(f"{service}: {code}: {message}")
        self.service, self.code, self.message = service, code, message
