"""Follow what a board says on its port, over resets and pulled plugs.

Flow: serial port -> [lines] -> standard output
"""

import time
from collections.abc import Callable, Iterator

from tidectl.serial_port import PortGoneError, SerialPort

LINE_BYTES_MAX = 65_536  # a board that never ends its line is cut, not kept
RETRY_S = 0.2


class Lines:
    """Cut bytes into lines of text. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the lines that `data` completes, without their ends."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode(errors="replace")
        if len(self._rest) > LINE_BYTES_MAX:
            yield self.flush()

    def flush(self) -> str:
        """Return what no end of line came for."""
        rest, self._rest = self._rest, b""
        return rest.rstrip(b"\r").decode(errors="replace")


def follow(port: str, baud: int, tell: Callable[[str], None]) -> Iterator[str]:
    """Yield each line that comes from `port`, for ever.

    `tell` gets a word when the port goes and when it is back. Raises `TidectlError` where the
    port may not be opened.
    """
    gone = False
    while True:
        lines = Lines()
        try:
            with SerialPort(port, baud) as source:
                if gone:
                    tell(f"{port} is back")
                gone = False
                while True:
                    yield from lines.feed(source.read())
        except PortGoneError:
            rest = lines.flush()
            if rest:
                yield rest
            if not gone:
                tell(f"{port} is gone: waiting for it")
            gone = True
            time.sleep(RETRY_S)
