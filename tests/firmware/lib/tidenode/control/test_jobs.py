"""What a job document may be."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tidenode.control.jobs import Job


@pytest.mark.parametrize("document", [[1, 2], "reboot", 5, None, {}, {"operation": ["reboot"]}])
def test_a_document_that_names_no_operation_is_rejected_and_not_tried_for_ever(
    document: Any,
) -> None:
    control: Any = SimpleNamespace(things="$aws/things/board-1/")
    job = Job(control, {"jobId": "x", "jobDocument": document})
    told = []

    async def report(details: dict[str, str], status: str = "IN_PROGRESS") -> None:
        told.append((status, details["reason"]))

    job.report = report  # type: ignore[method-assign]  # it would wait for a cloud's answer
    asyncio.run(job._run())
    assert [(status, reason[:17]) for status, reason in told] == [("REJECTED", "unknown operation")]
