"""What goes wrong between a local broker and the outbox."""

from tidegate.errors import GateError


class MqttError(GateError):
    """The broker does not take us, or a route can't be."""


class MessageError(GateError):
    """A message that can't become samples; `reason` is one word for the count."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
