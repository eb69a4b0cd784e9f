"""The engine `influxdb`: Timestream for InfluxDB 3 over its HTTP API.

Flow: ingest -> [store] -> POST /api/v3/write_lp ; query -> [store] -> POST /api/v3/query_sql
Bounded: a write request at `REQUEST_BYTES_MAX`, an answer at `rows_max` and
`ANSWER_BYTES_MAX`, a wait at `TIMEOUT`. What is throttled or absent raises `StoreBusyError`.
"""

import gzip
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import urllib3

from tidecloud.errors import QueryError, StoreBusyError, StoreRefusedError
from tidecloud.ledger import LedgerEntry
from tidecloud.rows import Rows
from tidecloud.statement import limited
from tidecloud.store.answer import answer_of_objects
from tidecloud.store.line_protocol import ledger_line, lines_of
from tidecloud.store.port import Answer, Refusal

# The server's own limit is 10 MB by default (max-http-request-size), before compression.
REQUEST_BYTES_MAX = 4_000_000
# Below this a request fits in a few packets and compressing costs more than it saves.
COMPRESS_BYTES_MIN = 4_096
# What a function may answer is 6 MB; JSON of cells grows a little on the way.
ANSWER_BYTES_MAX = 4_000_000
# A statement line is longer than this only when something is wrong with the server.
ANSWER_LINE_BYTES_MAX = 1_000_000
# The query function has 29 s, so an answer that does not come is waited for once; an address
# that does not answer is tried twice. Kinesis and the asker try again in their own time.
TIMEOUT = urllib3.Timeout(connect=3, read=20)
RETRIES = urllib3.Retry(total=1, connect=1, read=0, status=0, redirect=0, backoff_factor=0.2)
# The server names at most so many bad lines of a request.
_NAMED_LINES_MAX = 100

_OK = 300  # and below
_UNAUTHORIZED = 401
_REFUSED = (400, 413, 422)
_WRONG_STATEMENT = (400, 404, 405, 422)
_JSON_HEADERS = {"content-type": "application/json"}
_TEXT_HEADERS = {"content-type": "text/plain; charset=utf-8"}
_ERROR_CHARS_MAX = 500


class InfluxDbStore:
    """InfluxDB 3 at `url`; `token` is called for each request and may return none.

    `forget_token` is called when the server no longer takes the token, so that the next
    attempt reads a rotated one.
    """

    def __init__(
        self,
        *,
        url: str,
        database: str,
        token: Callable[[], str | None] = lambda: None,
        forget_token: Callable[[], None] = lambda: None,
        pool: urllib3.PoolManager | None = None,
        request_bytes_max: int = REQUEST_BYTES_MAX,
    ) -> None:
        self._url = url.rstrip("/")
        self._database = database
        self._token = token
        self._forget_token = forget_token
        self._pool = pool or urllib3.PoolManager(timeout=TIMEOUT, retries=RETRIES, maxsize=2)
        self._request_bytes_max = request_bytes_max

    def write(self, rows: Sequence[Rows], ledger: Sequence[LedgerEntry]) -> list[Refusal]:
        """Store batches; each one's ledger line follows its rows, never overtakes them."""
        lines: list[str] = []
        ends: list[int] = []  # line numbers behind each batch: its last line is its ledger line
        for batch, entry in zip(rows, ledger, strict=True):
            lines += lines_of(batch)
            lines.append(ledger_line(entry))
            ends.append(len(lines))
        refused: dict[int, str] = {}
        for request in self._requests(lines):
            try:
                refused |= self._write_lines(lines, request)
            except StoreBusyError as error:
                stored = bisect_right(ends, request.start)
                error.batches_stored = min([stored, *_batches_of(refused, ends)])
                raise
        return self._settle(refused, ends, ledger) if refused else []

    def query(self, sql: str, rows_max: int) -> Answer:
        """Run one statement; types are read off the values, as JSON carries none."""
        # One row more than asked for tells a whole answer from a truncated one.
        body = {"db": self._database, "q": limited(sql, rows_max + 1), "format": "jsonl"}
        response = self._post(
            "/api/v3/query_sql", json.dumps(body).encode(), _JSON_HEADERS, stream=True
        )
        try:
            if response.status in _WRONG_STATEMENT:
                raise QueryError(_error_of(response))
            if response.status >= _OK:
                raise self._busy(response.status, _error_of(response))
            objects, truncated = _objects_of(response, rows_max)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise StoreBusyError(f"the store's answer broke off: {error}") from error
        finally:
            response.close()  # of a truncated answer the rest is never read
        return answer_of_objects(objects, truncated)

    def _requests(self, lines: Sequence[str]) -> Iterator[range]:
        """Yield the line numbers of each request, bounded in bytes."""
        start, size = 0, 0
        for number, line in enumerate(lines):
            # UTF-8 needs at most 4 bytes a character; only texts outside ASCII need more than 1.
            line_bytes = len(line) + 1 if line.isascii() else 4 * len(line) + 1
            if size and size + line_bytes > self._request_bytes_max:
                yield range(start, number)
                start, size = number, 0
            size += line_bytes
        if size:
            yield range(start, len(lines))

    def _write_lines(
        self, lines: Sequence[str], numbers: Sequence[int], trusting: bool = True
    ) -> dict[int, str]:
        """Write the lines with these numbers; return the refused ones with the store's words.

        Whether the server kept the other lines of a refused request is left open: they are
        written again without the bad ones. A server that names no line, as many as it ever
        names, or new ones the second time is asked again by halves, so that the number of
        requests stays near that of the bad lines.
        """
        if not numbers:
            return {}
        try:
            self._write("\n".join([lines[number] for number in numbers]))
        except StoreRefusedError as error:
            if len(numbers) == 1:
                return {numbers[0]: next(iter(error.lines.values()), str(error))}
            named = {numbers[at]: text for at, text in error.lines.items() if at < len(numbers)}
            if trusting and 0 < len(named) < _NAMED_LINES_MAX:
                rest = [number for number in numbers if number not in named]
                return named | self._write_lines(lines, rest, trusting=False)
            middle = len(numbers) // 2
            return self._write_lines(lines, numbers[:middle]) | self._write_lines(
                lines, numbers[middle:]
            )
        return {}

    def _write(self, text: str) -> None:
        body = text.encode()
        headers = _TEXT_HEADERS
        if len(body) >= COMPRESS_BYTES_MIN:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers = headers | {"content-encoding": "gzip"}
        response = self._post(
            f"/api/v3/write_lp?db={self._database}"
            "&precision=nanosecond&accept_partial=true&no_sync=false",
            body,
            headers,
        )
        if response.status < _OK:
            return
        if response.status in _REFUSED:
            raise _refusal_of(response)
        raise self._busy(response.status, _error_of(response))

    def _settle(
        self, refused: dict[int, str], ends: Sequence[int], ledger: Sequence[LedgerEntry]
    ) -> list[Refusal]:
        """Correct the ledger of batches that were stored in part, and tell of them."""
        by_batch = _batches_of(refused, ends)
        refusals, corrections = [], []
        for index, numbers in by_batch.items():
            # The last line of a batch is its ledger line, no sample.
            samples = sum(number != ends[index] - 1 for number in numbers)
            entry = replace(ledger[index], samples=ledger[index].samples - samples)
            corrections.append(ledger_line(entry))
            refusals.append(Refusal(index, samples, refused[numbers[0]]))
        try:
            self._write_lines(corrections, range(len(corrections)))
        except StoreBusyError as error:
            error.batches_stored = min(by_batch)
            raise
        return refusals

    def _post(
        self, path: str, body: bytes, headers: dict[str, str], stream: bool = False
    ) -> urllib3.BaseHTTPResponse:
        token = self._token()
        if token:
            headers = headers | {"authorization": f"Bearer {token}"}
        try:
            return self._pool.request(
                "POST", self._url + path, body=body, headers=headers, preload_content=not stream
            )
        except urllib3.exceptions.HTTPError as error:
            raise StoreBusyError(f"no answer from the store: {error}") from error

    def _busy(self, status: int, text: str) -> StoreBusyError:
        """Make the error for all that may pass: throttling, faults, and a wrong token or URL."""
        if status == _UNAUTHORIZED:
            self._forget_token()
        return StoreBusyError(f"the store answered {status}: {text}")


def _batches_of(refused: dict[int, str], ends: Sequence[int]) -> dict[int, list[int]]:
    """Return the refused lines of each batch that has some, in order."""
    by_batch: dict[int, list[int]] = {}
    for number in sorted(refused):
        by_batch.setdefault(bisect_right(ends, number), []).append(number)
    return by_batch


def _refusal_of(response: urllib3.BaseHTTPResponse) -> StoreRefusedError:
    try:
        document = json.loads(response.data)
    except ValueError:
        return StoreRefusedError(_error_of(response))
    if not isinstance(document, dict):
        return StoreRefusedError(_error_of(response))
    items = document.get("data")
    lines = {
        item["line_number"] - 1: str(item.get("error_message", document.get("error")))
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("line_number"), int)
    }
    return StoreRefusedError(
        _bounded(str(document.get("error", response.status))),
        {number: _bounded(text) for number, text in lines.items() if number >= 0},
    )


def _error_of(response: urllib3.BaseHTTPResponse) -> str:
    text = response.data.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        return _bounded(text)
    return _bounded(str(document.get("error", text) if isinstance(document, dict) else text))


def _bounded(text: str) -> str:
    return text if len(text) <= _ERROR_CHARS_MAX else text[:_ERROR_CHARS_MAX] + "…"


def _objects_of(
    response: urllib3.BaseHTTPResponse, rows_max: int
) -> tuple[list[dict[str, Any]], bool]:
    """Read one JSON object a line until a bound is met; tell whether it was."""
    objects: list[dict[str, Any]] = []
    size = 0
    for line in _lines(response):
        size += len(line)
        if len(objects) >= rows_max or size > ANSWER_BYTES_MAX:
            return objects, True
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("a line of the answer is not an object")
        objects.append(document)
    return objects, False


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    held = b""
    for chunk in response.stream(65_536):
        *lines, held = (held + chunk).split(b"\n")
        if len(held) > ANSWER_LINE_BYTES_MAX:
            raise ValueError(f"a line of the answer is over {ANSWER_LINE_BYTES_MAX} bytes")
        yield from filter(None, lines)
    if held.strip():
        yield held
