"""One DuckDB file, one writer, a few readers: the store under both faces.

Flow: influx | timestream -> [engine: writer, reader] -> DuckDB file
Thread-safe. A write is durable when its future has a result: DuckDB syncs its log with each
commit and replays it when the file is opened after a crash.
"""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from tidelocal.timeseries import schema
from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.definition import Definition
from tidelocal.timeseries.guard import Functions
from tidelocal.timeseries.points import WriteOutcome
from tidelocal.timeseries.reader import ROWS_MAX, SECONDS_MAX, Reader, Running
from tidelocal.timeseries.writer import Writer

_MEMORY = "1GB"  # of DuckDB's buffers; a bigger sort or join spills beside the file
_SPILL = "4GB"
_THREADS = "2"
_PARSERS = 2  # threads that turn request bodies into points

T = TypeVar("T")


class TimeSeriesEngine:
    """The store at `path`, made when it is absent; the file is its owner's to read only.

    Raises duckdb.IOException when another process has the file open.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path.parent).free,
    ) -> None:
        self.clock_ns = clock_ns
        self.faces: dict[str, Any] = {}  # what a face keeps for as long as the engine lives
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = _open(path)
        self._writer = Writer(
            path=path,
            connection=self._connection.cursor(),
            catalog=schema.load(self._connection),
            reopen=self._reopen,
            free_bytes=free_bytes,
        )
        self.functions = Functions(self._connection)
        self._reader = Reader(lambda: self._connection)
        self._parsers = ThreadPoolExecutor(_PARSERS, thread_name_prefix="timeseries-parser")
        path.chmod(0o600)

    @property
    def catalog(self) -> schema.Catalog:
        """What there is, as of the last commit."""
        return self._writer.catalog

    def write(self, write: Write) -> "Future[WriteOutcome]":
        """Store points; the result comes once they are durable. Raises BusyError at once."""
        return self._writer.submit(write)

    def change(self, change: Callable[[Definition], T]) -> "Future[T]":
        """Make, alter or drop databases and tables in one transaction."""
        return self._writer.change(change)

    async def change_async(self, change: Callable[[Definition], T]) -> T:
        """`change`, awaited."""
        return await asyncio.wrap_future(self.change(change))

    def query(
        self, statement: str, *, rows_max: int = ROWS_MAX, seconds_max: float = SECONDS_MAX
    ) -> Running:
        """Run a statement that a dialect's translator has made. Raises BusyError at once."""
        return self._reader.submit(statement, rows_max=rows_max, seconds_max=seconds_max)

    def in_background(self, work: Callable[[], T]) -> "Future[T]":
        """Run work that would hold up an event loop, such as parsing a large body."""
        return self._parsers.submit(work)

    def close(self) -> None:
        """Stop the queries, store what waits, bring the log into the file, close it."""
        self._parsers.shutdown()
        self._reader.close()
        self._writer.close()
        self._connection.close()

    def __enter__(self) -> "TimeSeriesEngine":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _reopen(self) -> duckdb.DuckDBPyConnection:
        """DuckDB gives up an instance after a failed log write; the file itself is whole."""
        with self._lock:
            self._connection.close()
            self._connection = _open(self._path)
            return self._connection.cursor()


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    if not path.exists():
        # DuckDB would make it with the umask's mode: readings are their owner's.
        mask = os.umask(0o077)
        try:
            return _connect(path)
        finally:
            os.umask(mask)
    return _connect(path)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        path,
        config={
            # No SQL that gets past the translators may reach files, network or extensions.
            "enable_external_access": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "lock_configuration": "true",
            "memory_limit": _MEMORY,
            "max_temp_directory_size": _SPILL,
            "threads": _THREADS,
        },
    )
