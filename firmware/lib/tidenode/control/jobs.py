"""Run a job of AWS IoT Jobs.

The cloud keeps a job's state: one that a lost link or a restart broke off is given again at
the next connection, with the details it had, and begins anew.
"""

import asyncio
import gc
import json

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.dispatcher import Control

ANSWER_MS_MAX = 10_000
DETAIL_CHARACTERS_MAX = 1_000  # AWS IoT takes 1,024 bytes
AGAIN_S = 5  # until one that was broken off is asked for again
_CHECK_MS = 50
_FOREVER_S = 86_400


def take(control: "Control", payload: bytes) -> None:
    """Begin the job of an answer to start-next, if it names one. Raises ValueError, KeyError."""
    execution = json.loads(payload).get("execution")
    if execution:
        control.job = Job(control, execution)
        control.job.task = asyncio.create_task(control.job.run())


class Job:
    """One job; `details` are what an earlier try reported."""

    def __init__(self, control: "Control", execution: "dict[str, Any]") -> None:
        self.control = control
        self.task: Any = None
        self.document: dict[str, Any] = execution.get("jobDocument") or {}
        self.details: dict[str, str] = execution.get("statusDetails") or {}
        self._topic = "%sjobs/%s/update" % (control.things, execution["jobId"])
        self._answer = ""

    async def run(self) -> None:
        """Do what the document says and report how it ended."""
        try:
            await self._run()
        except LinkError as error:
            self.control.warn("job broken off: %r" % error)
            await asyncio.sleep(AGAIN_S)
        except Exception as error:  # a job's outermost edge
            gc.collect()  # it may have been the heap
            self.control.warn("job failed: %r" % error)
            await asyncio.sleep(AGAIN_S)
        self.control.job_ended()

    async def report(self, details: "dict[str, str]", status: str = "IN_PROGRESS") -> None:
        """Report, and wait until the cloud has it. Raises LinkError where it does not take it."""
        self._answer = ""
        self.details = details
        told = {key: _plain(value) for key, value in details.items()}
        document = {"status": status, "statusDetails": told}
        if not self.control.talk.publish(self._topic, json.dumps(document)):
            raise LinkError("no connection to report by")
        for _ in range(ANSWER_MS_MAX // _CHECK_MS):
            if self._answer:
                break
            await asyncio.sleep_ms(_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
        if self._answer != "accepted":
            raise LinkError("the report was not taken: %s" % (self._answer or "no answer"))

    def answered(self, topic: str) -> None:
        """Note an answer to a report."""
        if topic.startswith(self._topic):
            self._answer = topic[topic.rindex("/") + 1 :]

    @property
    def restarted(self) -> bool:
        """Whether the board has restarted since `restart`."""
        return self.details.get("boot") not in (None, str(self.control.boot))

    async def restart(self, details: "dict[str, str]") -> None:
        """Report, restart the board, and never return; `restarted` is true in the next try."""
        await self.report(dict(details, boot=str(self.control.boot)))
        await self.control.restart()
        await asyncio.sleep(_FOREVER_S)

    async def _run(self) -> None:
        operation = self.document.get("operation") if isinstance(self.document, dict) else None
        try:
            if not isinstance(operation, str) or not operation.isalpha():
                raise ImportError
            module = self.control.load("operations." + operation)
        except ImportError:
            await self.report({"reason": "unknown operation %r" % operation}, "REJECTED")
            return
        try:
            status, details = await module.run(self)
        except LinkError:
            raise
        except Exception as error:  # told to who asked
            self.control.warn("job failed operation=%s: %r" % (operation, error))
            status, details = "FAILED", {"reason": repr(error)[:DETAIL_CHARACTERS_MAX]}
        await self.report(details, status)


def _plain(text: str) -> str:
    """Return `text` as AWS IoT takes a detail: not empty, not too long, one line."""
    for one in "\n\r\t":
        text = text.replace(one, " ")
    return text[:DETAIL_CHARACTERS_MAX] or "-"
