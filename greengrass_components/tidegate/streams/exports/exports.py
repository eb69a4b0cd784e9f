"""All exports of a stream manager: a worker for each that is enabled, started and ended here."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tidegate.kinesis.backoff import Backoff
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.export_definition import Export
from tidegate.streams.exports.aws_access import AwsAccess
from tidegate.streams.exports.bandwidth import Bandwidth
from tidegate.streams.exports.gate import SENDING_MAX, Gate
from tidegate.streams.exports.http_sender import HttpSender
from tidegate.streams.exports.iot_core_sender import IotCoreSender
from tidegate.streams.exports.kinesis_sender import KinesisSender
from tidegate.streams.exports.s3_sender import S3Sender
from tidegate.streams.exports.sender import Report, Sender
from tidegate.streams.exports.sitewise_sender import SitewiseSender
from tidegate.streams.exports.worker import Worker, report_bytes
from tidegate.streams.store import Store

DELAY_S_MIN = 0.1
DELAY_S_MAX = 300.0  # as AWS's stream manager has it

log = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Exports:
    """Keeps the workers in step with the definitions in `store`. Use it in a running loop.

    `lost_reports` found no status stream, or no room in it.
    """

    def __init__(
        self,
        store: Store,
        access: AwsAccess,
        *,
        delay_s_max: float = DELAY_S_MAX,
        bits_per_s_max: float | None = None,
        clock_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._store, self._access, self._clock_ms = store, access, clock_ms
        self._delay_s_max = delay_s_max
        self.lost_reports = 0
        self._dice = random.Random()  # noqa: S311  spreads retries, keeps no secret
        self._gate, self._bandwidth = Gate(), Bandwidth(bits_per_s_max)
        self._threads = ThreadPoolExecutor(SENDING_MAX, "export")
        self._workers: dict[tuple[str, str], tuple[Worker, asyncio.Task[None]]] = {}
        self._ending: dict[tuple[str, str], set[asyncio.Task[None]]] = {}
        store.changed = self.reconcile
        self.reconcile()

    def reconcile(self) -> None:
        """Start what is new, end what is gone, and begin anew what was changed."""
        wanted = {
            (stream.definition.name, export.identifier): (stream, export)
            for stream in self._store
            for export in stream.definition.exports
            if not export.disabled
        }
        for key, (worker, _) in tuple(self._workers.items()):
            if wanted.get(key) != (worker.stream, worker.export):
                self._end(key)
        for key, (stream, export) in wanted.items():
            if key not in self._workers:
                worker = Worker(
                    stream=stream,
                    export=export,
                    sender=self._sender(export),
                    gate=self._gate,
                    bandwidth=self._bandwidth,
                    threads=self._threads,
                    backoff=Backoff(self._dice, min_s=DELAY_S_MIN, max_s=self._delay_s_max),
                    report=self._report,
                    clock_ms=self._clock_ms,
                    after=tuple(self._ending.get(key, ())),
                )
                task = asyncio.get_running_loop().create_task(worker.run(), name=f"export {key}")
                task.add_done_callback(_log_crash)
                self._workers[key] = (worker, task)

    async def close(self) -> None:
        """End all, and write down how far each has come."""
        self._store.changed = lambda: None
        for key in tuple(self._workers):
            self._end(key)
        tasks = [task for ending in self._ending.values() for task in ending]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _end(self, key: tuple[str, str]) -> None:
        """Tell a worker to end; who has its export next waits for that."""
        _, task = self._workers.pop(key)
        ending = self._ending.setdefault(key, set())
        ending.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            ending.discard(task)
            if not ending and self._ending.get(key) is ending:
                del self._ending[key]

        task.add_done_callback(ended)
        task.cancel()

    def _sender(self, export: Export) -> Sender:
        options = export.options
        match export.kind:
            case "kinesis":
                name, key = options["kinesisStreamName"], options["partitionKey"]
                return KinesisSender(self._access, name, key)
            case "http":
                proxy = self._access.proxy_to(options["uri"])
                return HttpSender(options["uri"], options["exportFormat"], proxy)
            case "iotCore":
                return IotCoreSender(self._access, options["topic"], options["qos"])
            case "IotSitewise":
                return SitewiseSender(self._access)
        part_bytes = options["sizeThresholdForMultipartUploadBytes"]
        return S3Sender(self._access, export.identifier, part_bytes)

    def _report(self, export: Export, report: Report) -> None:
        name = export.options.get("statusStreamName")
        if not name or report.level > export.options["statusLevel"]:
            return
        try:
            self._store.get(name).append_many([report_bytes(report)])
        except StreamRequestError as error:
            self.lost_reports += 1
            log.warning("a report was lost export=%s: %s", export.identifier, error)


def _log_crash(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("an export ended for a bug of the server: %r", error, exc_info=error)
