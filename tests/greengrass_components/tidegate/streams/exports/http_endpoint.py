"""An HTTP server on loopback that keeps each request, and answers as it is told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Request:
    """What came; header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpEndpoint:
    """Keeps requests that were answered with 200 in `taken`, all of them in `requests`."""

    def __init__(
        self,
        status: Callable[[int], int] = lambda _number: 200,
        answer: Callable[[Request], bytes] = lambda _request: b"",
    ) -> None:
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, names, body)
                code = status(len(endpoint.requests))
                endpoint.requests.append(request)
                if code == 200:
                    endpoint.taken.append(request)
                self.send_response(code)
                data = answer(request)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

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
