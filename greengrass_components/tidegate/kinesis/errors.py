"""What can go wrong on the way to a stream, told apart by what to do about it."""

from tidegate.errors import GateError


class KinesisError(GateError):
    """Base of the errors of the Kinesis producer."""


class KinesisBusyError(KinesisError):
    """No answer, or one that says to try again: the network, a throttle, a failure of AWS."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class KinesisRefusedError(KinesisError):
    """AWS refused the request as such: no permission, no such stream, a clock that is wrong.

    Trying again helps once somebody has changed something; nothing is thrown away meanwhile.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class CredentialsError(KinesisError):
    """There are no AWS credentials to sign a request with."""
