"""What can go wrong with a rule."""

from tidelocal.errors import LocalCloudError


class RuleRefusedError(LocalCloudError):
    """A rule that could not run as written is not accepted; says what and where."""


class PayloadError(LocalCloudError):
    """A message does not have what the rule's SELECT needs; its error action gets it."""


class UndeliveredError(LocalCloudError):
    """Neither an action nor the error action took the message: its sender must keep it."""

    def __init__(self, rule: str, topic: str, reason: str) -> None:
        super().__init__(f"rule {rule} could not deliver a message of {topic}: {reason}")
        self.rule, self.topic = rule, topic
