"""Answer statements, a few at a time, each bounded in rows, bytes and time.

Flow: sql | timestream_sql -> [reader] -> Arrow table
Bounded: at `queries_max` running and waiting statements `submit` raises BusyError.
A statement runs in a read-only transaction on a connection of its own and sees one snapshot.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from tidelocal.timeseries.errors import (
    BusyError,
    QueryCancelledError,
    QueryRefusedError,
    QueryTimeoutError,
)

THREADS = 3
QUERIES_MAX = 64  # running and waiting
SECONDS_MAX = 30.0
ROWS_MAX = 500_000  # one answer; it is built whole in memory
BYTES_MAX = 256 << 20  # one answer, as Arrow
_INTERRUPT_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, whole, or cut at `rows_max` with `truncated` set."""

    rows: pa.Table
    truncated: bool


class Running:
    """A statement under way: its future, and a way to stop it."""

    def __init__(self) -> None:
        self.future: Future[Answer] = Future()
        self._lock = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._over = threading.Event()
        self._stopped_by: Exception | None = None

    def stop(self, reason: Exception) -> None:
        """Stop it with `reason`, whether it runs, waits or is done (then nothing happens)."""
        with self._lock:
            if self._stopped_by is not None:
                return
            self._stopped_by = reason
            if self._cursor is not None:
                threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        # DuckDB forgets an interrupt that comes just before its statement starts.
        while not self._over.wait(_INTERRUPT_EVERY_S):
            with self._lock:
                if self._cursor is not None:
                    self._cursor.interrupt()

    def cancel(self) -> None:
        self.stop(QueryCancelledError("the query was cancelled"))

    def run(
        self,
        connection: duckdb.DuckDBPyConnection,
        statement: str,
        rows_max: int,
        seconds_max: float,
    ) -> Answer:
        cursor = connection.cursor()
        timer = threading.Timer(seconds_max, self.stop, [QueryTimeoutError(seconds_max)])
        timer.daemon = True
        try:
            with self._lock:
                if self._stopped_by is not None:
                    raise self._stopped_by
                self._cursor = cursor
            timer.start()
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            rows = cursor.sql(statement).limit(rows_max + 1).to_arrow_table()
        except duckdb.InterruptException as error:
            raise self._stopped_by or QueryCancelledError("the query was stopped") from error
        except duckdb.Error as error:
            raise QueryRefusedError(str(error).split("\n\nLINE ")[0].strip()) from error
        finally:
            timer.cancel()
            with self._lock:
                self._cursor = None
            self._over.set()
            cursor.close()
        if rows.nbytes > BYTES_MAX:
            raise QueryRefusedError(
                f"the answer has {rows.nbytes} bytes, more than {BYTES_MAX}; ask for less"
            )
        return Answer(rows.slice(0, rows_max), rows.num_rows > rows_max)


class Reader:
    """`connection` is asked for with each statement, since the writer may reopen the store."""

    def __init__(
        self,
        connection: Callable[[], duckdb.DuckDBPyConnection],
        *,
        threads: int = THREADS,
        queries_max: int = QUERIES_MAX,
    ) -> None:
        self._connection, self._queries_max = connection, queries_max
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="timeseries-reader")
        self._lock = threading.Lock()
        self._open: set[Running] = set()

    def submit(
        self, statement: str, *, rows_max: int = ROWS_MAX, seconds_max: float = SECONDS_MAX
    ) -> Running:
        """Raises BusyError at once; the future may raise the package's query errors."""
        running = Running()
        with self._lock:
            if len(self._open) >= self._queries_max:
                raise BusyError("query", self._queries_max)
            self._open.add(running)
        self._pool.submit(self._answer, running, statement, rows_max, seconds_max)
        return running

    def close(self) -> None:
        """Stop every statement and wait for the threads."""
        with self._lock:
            pending = list(self._open)
        for running in pending:
            running.cancel()
        self._pool.shutdown()

    def _answer(self, running: Running, statement: str, rows_max: int, seconds_max: float) -> None:
        try:
            if not running.future.set_running_or_notify_cancel():
                return
            answer = running.run(self._connection(), statement, rows_max, seconds_max)
            running.future.set_result(answer)
        except Exception as error:  # the outermost loop: the caller gets it
            running.future.set_exception(error)
        finally:
            with self._lock:
                self._open.discard(running)
