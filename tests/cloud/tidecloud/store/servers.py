"""Stand-ins that speak the two engines' documented APIs over real HTTP, for the contract suite.

They keep what they are given by its natural key, so a second write of the same changes nothing,
and can be told to throttle, to refuse and to go away.
"""

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Point = dict[str, Any]


class _Http(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that reads no further; other errors are the test's business."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """What both stand-ins share: a port, faults to come, and what was asked of them."""

    def __init__(self) -> None:
        self.faults: list[int | None] = []  # statuses of the next answers; None lets one pass
        self.fault_from: int | None = None  # number of the request from which on all fail
        self.requests = 0
        self.bytes_max_seen = 0
        self.lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def close(self) -> None:
        """Give the port back without ever having served."""
        self._http.server_close()

    def fault(self) -> int | None:
        with self.lock:
            self.requests += 1
            if self.fault_from is not None and self.requests >= self.fault_from:
                return 503
            return self.faults.pop(0) if self.faults else None

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        raise NotImplementedError


class InfluxServer(Server):
    """InfluxDB 3 Core: write_lp and query_sql, with its limits on types and sizes."""

    NAMED_LINES_MAX = 100

    def __init__(self, token: str | None = None, bytes_max: int = 10_000_000) -> None:
        super().__init__()
        self.token, self.bytes_max = token, bytes_max
        self.tables: dict[str, dict[tuple[Any, ...], Point]] = {}
        self.types: dict[tuple[str, str], str] = {}
        self.answer_lines: list[str] | None = None
        self.statement: str | None = None
        self.names_lines = True

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        if (status := self.fault()) is not None:
            return status, b'{"error": "told to fail"}'
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, b'{"error": "the request was not authenticated"}'
        url = urlsplit(path)
        if url.path == "/api/v3/write_lp":
            options = {name: values[0] for name, values in parse_qs(url.query).items()}
            assert options["precision"] == "nanosecond"
            assert options["accept_partial"] == "true"
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            self.bytes_max_seen = max(self.bytes_max_seen, len(body))
            if len(body) > self.bytes_max:
                return 413, b'{"error": "request too large"}'
            return self._write(body.decode())
        assert url.path == "/api/v3/query_sql"
        self.statement = json.loads(body)["q"]
        assert json.loads(body)["format"] == "jsonl"
        if self.answer_lines is None:
            return 400, b'{"error": "Error during planning: table nowhere not found"}'
        return 200, "".join(line + "\n" for line in self.answer_lines).encode()

    def _write(self, text: str) -> tuple[int, bytes]:
        errors = []
        for number, line in enumerate(split_lines(text), start=1):
            try:
                self._keep(*parse_line(line))
            except ValueError as error:
                errors.append(
                    {"original_line": line, "line_number": number, "error_message": str(error)}
                )
        if not errors:
            return 204, b""
        data = errors[: self.NAMED_LINES_MAX] if self.names_lines else None
        document = {"error": "partial write of line protocol occurred", "data": data}
        return 400, json.dumps(document).encode()

    def _keep(self, table: str, tags: Point, fields: Point, time_ns: int) -> None:
        for name, value in fields.items():
            kind = type(value).__name__
            known = self.types.setdefault((table, name), kind)
            if known != kind:
                raise ValueError(f"invalid column type for column '{name}', expected {known}")
        key = (*sorted(tags.items()), time_ns)
        row = {**tags, **fields, "time": time_ns}
        self.tables.setdefault(table, {}).setdefault(key, {}).update(row)


class TimestreamServer(Server):
    """Timestream for LiveAnalytics: WriteRecords with upsert by version, Query with pages."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[tuple[Any, ...], Point]] = {}
        self.versions: dict[tuple[Any, ...], tuple[int, Point]] = {}
        self.types: dict[tuple[str, str], str] = {}
        self.pages: list[dict[str, Any]] = []
        self.validation: str | None = None

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        assert path == "/"
        if (status := self.fault()) is not None:
            return status, _error("ThrottlingException", "rate exceeded")
        target = headers["x-amz-target"].removeprefix("Timestream_20181101.")
        request = json.loads(body)
        if target == "Query":
            if self.validation:
                return 400, _error("ValidationException", self.validation)
            page = int(request.get("NextToken", "0"))
            return 200, json.dumps(self.pages[page]).encode()
        assert target == "WriteRecords", target
        return self._write(request)

    def _write(self, request: dict[str, Any]) -> tuple[int, bytes]:
        records, common = request["Records"], request["CommonAttributes"]
        assert 1 <= len(records) <= 100
        rejected = []
        with self.lock:
            for index, record in enumerate(records):
                reason = self._keep(request["TableName"], common | record | _joined(common, record))
                if reason:
                    rejected.append({"RecordIndex": index} | reason)
        if not rejected:
            total = {"Total": len(records), "MemoryStore": len(records), "MagneticStore": 0}
            return 200, json.dumps({"RecordsIngested": total}).encode()
        text = "One or more records have been rejected"
        return 400, _error("RejectedRecordsException", text, RejectedRecords=rejected)

    def _keep(self, table: str, record: dict[str, Any]) -> dict[str, Any] | None:
        assert record["MeasureValueType"] == "MULTI"
        assert record["TimeUnit"] == "NANOSECONDS"
        tags = {item["Name"]: item["Value"] for item in record["Dimensions"]}
        fields = {}
        for item in record["MeasureValues"]:
            kind = item["Type"]
            if self.types.setdefault((table, item["Name"]), kind) != kind:
                return {"Reason": f"measure {item['Name']} has another type"}
            fields[item["Name"]] = _CASTS[kind](item["Value"])
        time_ns, version = int(record["Time"]), record.get("Version", 1)
        key = (table, *sorted(tags.items()), record["MeasureName"], time_ns)
        if key in self.versions:
            known, held = self.versions[key]
            if held != fields and version <= known:
                return {"Reason": "a record with the same version exists", "ExistingVersion": known}
            version = max(version, known)
        self.versions[key] = (version, fields)
        name = record["MeasureName"] if table == "telemetry" else "tidegauge_ledger"
        self.tables.setdefault(name, {})[key] = {**tags, **fields, "time": time_ns}
        return None


_CASTS = {"DOUBLE": float, "BIGINT": int, "VARCHAR": str, "BOOLEAN": lambda text: text == "true"}


def _joined(common: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {"Dimensions": [*common.get("Dimensions", []), *record.get("Dimensions", [])]}


def _error(code: str, message: str, **more: Any) -> bytes:
    return json.dumps({"__type": code, "message": message, **more}).encode()


def _handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = server.answer(self.path, self.headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep the test output quiet."""

    return Handler


def split_lines(text: str) -> Iterator[str]:
    """Yield lines of line protocol; one may hold line ends inside a quoted text."""
    line, quoted, escaped = "", False, False
    for character in text:
        if character == "\n" and not quoted:
            yield line
            line = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        line += character
    if line:
        yield line


def parse_line(line: str) -> tuple[str, Point, Point, int]:
    """Read one line: measurement, tags, fields, time."""
    head, fields, time = _split(line, " ")
    table, *tags = _split(head, ",")
    return (
        _plain(table),
        dict(map(_pair, tags)),
        {name: _value(text) for name, text in map(_raw_pair, _split(fields, ","))},
        int(time),
    )


def _split(text: str, mark: str) -> list[str]:
    parts, quoted, escaped = [""], False, False
    for character in text:
        if character == mark and not quoted and not escaped:
            parts.append("")
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        parts[-1] += character
    return parts


def _raw_pair(text: str) -> tuple[str, str]:
    name, *rest = _split(text, "=")
    return _plain(name), "=".join(rest)


def _pair(text: str) -> tuple[str, str]:
    name, value = _raw_pair(text)
    return name, _plain(value)


def _plain(text: str) -> str:
    for mark in ", =":
        text = text.replace("\\" + mark, mark)
    return text


def _value(text: str) -> Any:
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise ValueError("a text without its end")
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if text in ("true", "false"):
        return text == "true"
    if not text.endswith("i"):
        return float(text)
    number = int(text[:-1])
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("an integer of more than 64 bits")
    return number
