"""A time server on loopback, which says a few times that it does not know the time."""

import socket
import threading
import time
from typing import Self

_UNIX_OF_NTP_S = 2_208_988_800
_UNSYNCHRONISED, _SYNCHRONISED = 0xE4, 0x24


class TimeServer:
    """Answers with this machine's time, from the request after the first `unknowing` on."""

    def __init__(self, unknowing: int = 0) -> None:
        self._unknowing = unknowing
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.answered_at_ms: list[int] = []  # with the time
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            request, address = self._socket.recvfrom(100)
            if not request:
                return
            now_ns = time.time_ns()
            head = _UNSYNCHRONISED if self._unknowing > 0 else _SYNCHRONISED
            if head == _SYNCHRONISED:
                self.answered_at_ms.append(now_ns // 1_000_000)
            self._unknowing -= 1
            seconds, fraction = divmod(now_ns, 1_000_000_000)
            self._socket.sendto(
                bytes((head, 1)).ljust(24, b"\x00")
                + request[40:48]
                + bytes(8)
                + (seconds + _UNIX_OF_NTP_S).to_bytes(4, "big")
                + ((fraction << 32) // 1_000_000_000).to_bytes(4, "big"),
                address,
            )
