"""A simulated board with `control` on the real local cloud, and an operator's side of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.firmware.powered import Powered
from tests.firmware.vm import HEAP_BYTES
from tests.line.line import wait_until
from tidectl.home import Home
from tidectl.simulated_board import SimulatedBoard
from tidectl.target import Target
from tidectl.thing import provision

SETTINGS: dict[str, Any] = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 100}],
    "batch": {"age_ms_max": 500},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500, "ack_timeout_ms": 2_000},
    "clock": {"sntp_host": None},
    "control": {"trial_s": 10, "healthy_s": 1},
}
LATE_S_MAX = 40.0


class Controlled:
    """A thing whose board starts anew when it resets itself, as a chip does."""

    def __init__(self, target: Target, folder: Path, thing: str, **settings: Any) -> None:
        self.thing, self.target = thing, target
        self.data = target.client("iot-data")
        self.iot = target.client("iot")
        made = provision(target, Home(folder / "home"), thing, settings=SETTINGS | settings)
        self.log_path, self.image_path = made.log_path, made.image_path
        self.board = SimulatedBoard(self.image_path, log_path=self.log_path, heap_bytes=HEAP_BYTES)
        self.power = Powered(self.board)

    def __enter__(self) -> Self:
        self.power.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.power.__exit__()

    def log(self) -> str:
        return self.log_path.read_text()

    def wait_for(self, what: str, true: Callable[[], bool]) -> None:
        """Wait until it is `true`; the board's log tells why it did not come."""
        try:
            wait_until(what, true, within_s=LATE_S_MAX)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.log()[-2_000:]}") from error

    def sampled(self) -> int:
        """Return the samples since the boot."""
        return self.board.stats.sampled if self.board.stats else 0

    def shadow(self, name: str) -> dict[str, Any]:
        """Return what the shadow holds."""
        try:
            answer = self.data.get_thing_shadow(thingName=self.thing, shadowName=name)
        except self.data.exceptions.ResourceNotFoundException:
            return {}
        document: dict[str, Any] = json.loads(answer["payload"].read())
        return document

    def reported(self, name: str) -> dict[str, Any]:
        """Return what the board has reported."""
        found: dict[str, Any] = self.shadow(name).get("state", {}).get("reported", {})
        return found

    def want(self, **settings: Any) -> int:
        """Have the shadow want settings; return its version."""
        payload = json.dumps({"state": {"desired": settings}})
        answer = self.data.update_thing_shadow(
            thingName=self.thing, shadowName="config", payload=payload
        )
        return int(json.loads(answer["payload"].read())["version"])

    def job(self, document: dict[str, Any]) -> str:
        """Make a job; return its name."""
        made = f"{self.thing}-{len(self.iot.list_jobs()['jobs'])}"
        arn = self.iot.describe_thing(thingName=self.thing)["thingArn"]
        self.iot.create_job(jobId=made, targets=[arn], document=json.dumps(document))
        return made

    def execution(self, job: str) -> dict[str, Any]:
        """Return the job's state at this thing."""
        found: dict[str, Any] = self.iot.describe_job_execution(jobId=job, thingName=self.thing)
        execution: dict[str, Any] = found["execution"]
        return execution

    def ended(self, job: str) -> tuple[str, dict[str, str]]:
        """Return status and details of the job, once it is over."""
        over = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT")
        self.wait_for(f"the end of {job}", lambda: self.execution(job)["status"] in over)
        execution = self.execution(job)
        return execution["status"], execution.get("statusDetails", {}).get("detailsMap", {})
