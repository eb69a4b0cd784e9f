"""What the agent itself can find wrong; every error of this package is a `NodeError`."""


class NodeError(Exception):
    """Something the agent refuses, reports or counts."""


class ConfigError(NodeError):
    """The configuration can't be used; `mistakes` names every one of them."""

    def __init__(self, mistakes: list[str], where: str = "config.json") -> None:
        # Spelled out, since a bare super() is a closure, which is heap on a board.
        super(ConfigError, self).__init__(
            "%s: %d mistake%s: %s"
            % (where, len(mistakes), "" if len(mistakes) == 1 else "s", "; ".join(mistakes))
        )
        self.mistakes = mistakes


class SensorError(NodeError):
    """A sensor did not answer, or answered what it can't have measured."""


class OutboxError(NodeError):
    """A batch can't be kept or read back; it is counted as dropped."""


class LinkError(NodeError):
    """Network, broker or time server failed us, or broke a protocol; another try may help."""
