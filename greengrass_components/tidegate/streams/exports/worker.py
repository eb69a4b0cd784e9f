"""One export at work: reads behind its cursor, sends, and moves the cursor.

Flow: stream -> [worker] ~sender, in a thread~> Kinesis, S3, IoT Core, HTTP
Bounded: one batch at a time, of `BATCH_BYTES_MAX`. Nothing is thrown away: what fails is tried
again for ever, with waits up to five minutes. A kill repeats what was sent in the last moments; an
end in order, and a change of settings, lets the batch under way come to its end first.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from tidegate.kinesis.backoff import Backoff
from tidegate.segment_log import Cursor, LogError, Record
from tidegate.streams.errors import StreamRequestError
from tidegate.streams.export_definition import Export
from tidegate.streams.exports.bandwidth import Bandwidth
from tidegate.streams.exports.gate import Gate
from tidegate.streams.exports.sender import Report, Sender, Sent
from tidegate.streams.stream import Stream

BATCH_BYTES_MAX = 1 << 18  # Kinesis takes 5 MiB; memory of a gateway is dearer than a request
ENDING_S_MAX = 1.0  # for the batch under way at an end: an endpoint answers in less, or not at all
_SHUT_S_MAX = 0.5  # then its connection is shut, and it says how far it came
CURSOR_S_MIN = 0.25  # between two writes of a cursor while messages go out

log = logging.getLogger(__name__)


class Worker:
    """Sends `export` of `stream`; `report` gets what belongs on a status stream.

    What was overwritten or too old before it could be sent is counted with the stream. It begins
    when all of `after`, those that had this export before, have ended; at its own end the batch
    under way has `ending_s_max`.
    """

    def __init__(
        self,
        *,
        stream: Stream,
        export: Export,
        sender: Sender,
        gate: Gate,
        bandwidth: Bandwidth,
        threads: Executor,
        backoff: Backoff,
        report: Callable[[Export, Report], None],
        clock_ms: Callable[[], int],
        after: Collection["asyncio.Task[None]"] = (),
        ending_s_max: float = ENDING_S_MAX,
    ) -> None:
        self.stream, self.export = stream, export
        self._sender, self._gate, self._threads = sender, gate, threads
        self._bandwidth = bandwidth
        self._backoff, self._report, self._clock_ms = backoff, report, clock_ms
        self._after, self._appended = after, asyncio.Event()
        self._ending_s_max = ending_s_max
        self._cursor = Cursor()
        self._kept_at_s = 0.0

    async def run(self) -> None:
        """Send until cancelled."""
        if self._after:
            await asyncio.wait(self._after)
        self._cursor = self.stream.log.cursors.get(self.export.identifier) or Cursor()
        self.stream.watchers.add(self._appended.set)
        try:
            while True:
                await self._have_work()
                wait_s = await self._send_one()
                if wait_s:
                    await self._gate.rest(self)
                    await asyncio.sleep(wait_s)
                elif not self._waiting():
                    await self._gate.rest(self)
        finally:
            self.stream.watchers.discard(self._appended.set)
            await asyncio.shield(self._gate.rest(self))
            self._sender.close()
            if self._has_cursor():
                self._put(self._cursor, durable=True)

    def _has_cursor(self) -> bool:
        """Whether the export's cursor is ours still: not moved by a definition, nor deleted."""
        return self.stream.log.cursors.get(self.export.identifier) == self._cursor

    def _waiting(self) -> int:
        return self.stream.available(self._cursor.next_sequence)

    async def _have_work(self) -> None:
        interval_ms = self.export.interval_ms
        while True:
            self._appended.clear()
            waiting = self._waiting()
            if waiting >= (self.export.batch_size if interval_ms else 1):
                return
            left_s: float | None = None
            if waiting and interval_ms:
                try:
                    first = self.stream.read(self._cursor.next_sequence, 1, 1)
                except StreamRequestError:
                    return  # sending meets it again, and tells
                age_ms = self._clock_ms() - (first[0].at_ms if first else 0)
                if not 0 <= age_ms < interval_ms:  # below 0: the clock was set back meanwhile
                    return
                left_s = (interval_ms - age_ms) / 1_000
            try:
                async with asyncio.timeout(left_s):
                    await self._appended.wait()
            except TimeoutError:
                return

    async def _send_one(self) -> float:
        """Send a batch and return how long to wait before the next."""
        async with self._gate.slot(self, self.export.priority):
            try:
                records = self._next_records()
            except StreamRequestError as error:
                return self._failed(error.message)
            if not records:
                return 0.0
            wait_s = self._bandwidth.reserve_s(sum(len(record.payload) for record in records))
            if wait_s:
                await asyncio.sleep(wait_s)
            sending = asyncio.get_running_loop().run_in_executor(
                self._threads, self._sender.send, self.stream.definition.name, records
            )
            try:
                sent = await asyncio.shield(sending)
            except asyncio.CancelledError:
                await self._take_last(records, sending)
                raise
            except Exception as error:  # the outermost loop of an export: it goes on trying
                log.exception("an export met a bug of the server")
                return self._failed(f"a bug of the stream manager: {error!r}")
        return self._account(records, sent)

    async def _take_last(self, records: Sequence[Record], sending: "asyncio.Future[Sent]") -> None:
        """Account the batch under way when told to end; else it is sent again, and elsewhere."""
        await asyncio.wait({sending}, timeout=self._ending_s_max)
        if not sending.done():
            self._sender.close()
            await asyncio.wait({sending}, timeout=_SHUT_S_MAX)
        is_told = sending.done() and not sending.cancelled() and not sending.exception()
        if is_told and self._has_cursor():
            self._account(records, sending.result())

    def _next_records(self) -> list[Record]:
        start = self._cursor.next_sequence
        records = self.stream.read(start, self.export.batch_size, BATCH_BYTES_MAX)
        behind = records[0].sequence if records else self.stream.log.next_sequence
        if behind > start:
            missed = self.stream.missed_messages
            missed[self.export.identifier] = missed.get(self.export.identifier, 0) + behind - start
            log.warning(
                "messages were gone before they were exported stream=%s export=%s count=%d",
                self.stream.definition.name,
                self.export.identifier,
                behind - start,
            )
            self._cursor = replace(self._cursor, next_sequence=behind)
            self._put(self._cursor, durable=not records)
        return records

    def _account(self, records: Sequence[Record], sent: Sent) -> float:
        for report in sent.reports:
            self._report(self.export, report)
        if sent.finished:
            done = records[: sent.finished]
            self._cursor = Cursor(
                next_sequence=done[-1].sequence + 1,
                records=self._cursor.records + len(done),
                payload_bytes=self._cursor.payload_bytes + sum(len(r.payload) for r in done),
                moved_at_ms=self._clock_ms(),
            )
            due = time.monotonic() - self._kept_at_s >= CURSOR_S_MIN
            self._put(self._cursor, durable=due or not self._waiting())
        if sent.finished < len(records) and sent.error:
            if sent.finished or sent.progressed:
                self._backoff.reset()
            return self._failed(sent.error)
        self._backoff.reset()
        if sent.error:  # passed over
            log.warning(
                "export passed over a message stream=%s export=%s: %s",
                self.stream.definition.name, self.export.identifier, sent.error,
            )  # fmt: skip
            self.stream.export_errors[self.export.identifier] = sent.error
        else:
            self.stream.export_errors.pop(self.export.identifier, None)
        return 0.0

    def _failed(self, error: str) -> float:
        wait_s = self._backoff.next_s()
        level = logging.WARNING if self._backoff.tries == 1 else logging.INFO
        log.log(
            level, "export failed stream=%s export=%s tries=%d next_s=%.1f: %s",
            self.stream.definition.name, self.export.identifier, self._backoff.tries, wait_s, error,
        )  # fmt: skip
        self.stream.export_errors[self.export.identifier] = error
        return wait_s

    def _put(self, cursor: Cursor, *, durable: bool) -> None:
        try:
            self.stream.log.cursors.put(self.export.identifier, cursor, durable=durable)
        except (LogError, OSError) as error:
            # It goes on: a cursor that is behind costs messages sent twice, and none.
            log.warning("cursor not kept export=%s: %s", self.export.identifier, error)
        if durable:
            self._kept_at_s = time.monotonic()


def report_bytes(report: Report) -> bytes:
    """Return a report as a message of a status stream."""
    return json.dumps(report.wire).encode()
