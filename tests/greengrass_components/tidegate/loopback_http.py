"""An HTTP server on loopback that answers as a function says."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Request:
    """What came; header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class LoopbackHttp:
    """Serves while it is entered; where `answer` returns None the connection ends without one."""

    def __init__(self, answer: Callable[[Request], Answer | None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = {name.lower(): value for name, value in self.headers.items()}
                given = answer(Request(self.command, self.path, names, body))
                if given is None:
                    self.close_connection = True
                    return
                self.send_response_only(given.status)
                length = {"Content-Length": str(len(given.body))}
                for name, value in {**given.headers, **length}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(given.body)

            do_PUT = do_POST  # noqa: N815  as http.server names what it calls

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
