"""Store writes, one thread for all, several writes to a commit.

Flow: influx | timestream -> [writer] -> DuckDB
Bounded: at `writes_max` waiting writes, or `rows_max` waiting rows, `submit` raises BusyError.
A write is answered after the commit that holds it is on disk. What fails in a group is
tried again write by write, so that one bad write cannot spoil its neighbours.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from tidelocal.timeseries.admission import Write, admit
from tidelocal.timeseries.definition import Definition
from tidelocal.timeseries.errors import BusyError, ClosedError, DiskFullError, TimeSeriesError
from tidelocal.timeseries.merge import Stage
from tidelocal.timeseries.points import Points, Refused, WriteOutcome
from tidelocal.timeseries.schema import Catalog

WRITES_MAX = 256  # waiting; each is at most one request body
ROWS_MAX = 2_000_000  # waiting; a few hundred bytes each
_GROUP_WRITES_MAX = 64
_GROUP_ROWS_MAX = 200_000
_DISK_FREE_BYTES_MIN = 64 << 20  # a commit and a checkpoint must fit with room to spare
_SEQUENCE_BITS = 32  # of a point's sequence number; the write's place in its group is above

log = logging.getLogger(__name__)
T = TypeVar("T")


class _Job:
    __slots__ = ("change", "future", "rows", "write")

    def __init__(
        self, write: Write | None = None, change: Callable[[Definition], Any] | None = None
    ) -> None:
        self.write, self.change = write, change
        self.rows = write.rows if write else 0
        self.future: Future[Any] = Future()


class Writer:
    """Owns the one connection that writes, and the catalogue.

    `reopen` gives a new connection when DuckDB has declared its instance unusable.
    """

    def __init__(
        self,
        *,
        path: Path,
        connection: duckdb.DuckDBPyConnection,
        catalog: Catalog,
        reopen: Callable[[], duckdb.DuckDBPyConnection],
        free_bytes: Callable[[Path], int],
        writes_max: int = WRITES_MAX,
        rows_max: int = ROWS_MAX,
    ) -> None:
        self.catalog = catalog
        self.busy_count = 0
        self._path, self._connection, self._reopen = path, connection, reopen
        self._writes_max, self._rows_max, self._free_bytes = writes_max, rows_max, free_bytes
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_jobs = self._waiting_rows = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="timeseries-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> "Future[WriteOutcome]":
        """Raises BusyError or ClosedError at once; the future may raise any package error."""
        return self._put(_Job(write=write))

    def change(self, change: Callable[[Definition], T]) -> "Future[T]":
        """Run `change` in a transaction of its own."""
        return self._put(_Job(change=change))

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def _put(self, job: _Job) -> "Future[Any]":
        with self._lock:
            if self._closed:
                raise ClosedError
            over = self._waiting_rows + job.rows > self._rows_max and self._waiting_rows > 0
            if self._waiting_jobs >= self._writes_max or over:
                self.busy_count += 1
                raise BusyError("write", self._writes_max)
            self._waiting_jobs += 1
            self._waiting_rows += job.rows
            self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group, after = [job], None
            rows = job.rows
            while job.change is None and len(group) < _GROUP_WRITES_MAX and rows < _GROUP_ROWS_MAX:
                try:
                    after = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if after is None or after.change is not None:
                    break
                group.append(after)
                rows += after.rows
                after = None
            self._take(group)
            if after is not None:
                self._take([after])
            elif self._closed and self._jobs.empty():
                return

    def _take(self, group: list[_Job]) -> None:
        with self._lock:
            self._waiting_jobs -= len(group)
            self._waiting_rows -= sum(job.rows for job in group)
        self._store([job for job in group if job.future.set_running_or_notify_cancel()])

    def _store(self, group: list[_Job]) -> None:
        """Answer every job of the group, whatever happens."""
        if not group:
            return
        try:
            results = self._commit(group)
        except Exception as error:  # the outermost loop: the caller gets it
            self._roll_back(error)
            if len(group) > 1 and not isinstance(error, DiskFullError):
                for job in group:
                    self._store([job])
            else:
                for job in group:
                    job.future.set_exception(_explained(error))
            return
        for job, result in zip(group, results, strict=True):
            if isinstance(result, TimeSeriesError):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _commit(self, group: list[_Job]) -> list[Any]:
        if self._free_bytes(self._path) < _DISK_FREE_BYTES_MIN:
            raise DiskFullError(
                f"less than {_DISK_FREE_BYTES_MIN >> 20} MiB free for {self._path.name}; "
                "nothing of this write was stored"
            )
        self._connection.execute("BEGIN TRANSACTION")
        definition = Definition(self._connection, self.catalog)
        change = group[0].change
        results = self._merge(definition, group) if change is None else [change(definition)]
        self._connection.execute("COMMIT")
        self.catalog = definition.catalog
        return results

    def _merge(
        self, definition: Definition, group: list[_Job]
    ) -> list[WriteOutcome | TimeSeriesError]:
        outcomes: list[WriteOutcome | TimeSeriesError] = []
        stages: dict[tuple[str, str, bool], list[tuple[Points, int]]] = {}
        for number, job in enumerate(group):
            write = job.write
            if write is None:
                raise RuntimeError("a change must come alone")
            try:
                admission = admit(definition.catalog, write)
            except TimeSeriesError as error:
                outcomes.append(error)
                continue
            definition.become(admission.catalog)
            for points in admission.points:
                key = (write.database, points.table, write.versioned)
                stages.setdefault(key, []).append((points, number << _SEQUENCE_BITS))
            stored = sum(map(len, admission.points))
            outcomes.append(WriteOutcome(stored, admission.refused))
        for (database, table, versioned), staged in stages.items():
            stage = Stage(definition.catalog.table(database, table))
            for points, base in staged:
                stage.add(points, base)
            if versioned:
                _subtract(outcomes, stage.merge_versioned(self._connection))
            else:
                stage.merge(self._connection)
        return outcomes

    def _roll_back(self, error: Exception) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.TransactionException:
            pass  # nothing was begun, or the failed COMMIT rolled back itself
        except duckdb.Error:
            log.exception("the store is unusable; opening it again")
            self._connection.close()
            try:
                self._connection = self._reopen()
            except duckdb.Error:
                log.exception("the store cannot be opened; the next write tries again")
        if not isinstance(error, TimeSeriesError):
            log.warning("write failed error=%s", type(error).__name__)


def _subtract(
    outcomes: list[WriteOutcome | TimeSeriesError], refused: list[tuple[int, int]]
) -> None:
    """Move the points that `merge_versioned` refused from stored to refused."""
    for sequence, existing_version in sorted(refused):
        number, position = divmod(sequence, 1 << _SEQUENCE_BITS)
        outcome = outcomes[number]
        if not isinstance(outcome, WriteOutcome):
            raise RuntimeError("a point of a refused write was merged")
        reason = "a different value is stored under this key with the same or a higher version"
        away = Refused(position, reason, existing_version)
        outcomes[number] = WriteOutcome(outcome.stored - 1, (*outcome.refused, away))


def _explained(error: Exception) -> Exception:
    # DuckDB wraps what the system said into errors of several types.
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, duckdb.IOException) or "Could not write file" in text:
        return DiskFullError(f"the store could not write its file, nothing was stored: {text}")
    return error
