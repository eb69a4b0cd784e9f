"""A simulated board on the real local cloud, updated as an operator does it."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tests.firmware.powered import Powered
from tests.firmware.vm import HEAP_BYTES
from tests.line.line import wait_until
from tidectl.bundle import firmware_bundle
from tidectl.firmware_image import FIRMWARE, compiled_text
from tidectl.home import Home
from tidectl.jobs import Execution, Jobs, Rollout
from tidectl.simulated_board import SimulatedBoard
from tidectl.target import Target
from tidectl.thing import provision
from tidectl.update_bundle import Facts, bundle
from tidectl.update_job import publish_update
from tidectl.update_key import P256, load_key, make_key

SETTINGS: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 200},
        {"name": "health", "driver": "chip", "period_ms": 1_000},
    ],
    "batch": {"age_ms_max": 1_000},
    "link": {"retry_delay_ms_min": 50, "retry_delay_ms_max": 500, "ack_timeout_ms": 5_000},
    "clock": {"sntp_host": None},
    "control": {},
}
LATE_S_MAX = 60.0


class Updated:
    """A thing whose board starts anew when it resets itself, as a chip does."""

    def __init__(self, target: Target, folder: Path, thing: str) -> None:
        self.thing = thing
        self.home = Home(folder / "home")
        if not (self.home.update_keys / "update.pem").exists():
            make_key(self.home, "update", P256)
        self.target, self.jobs = target, Jobs(target)
        self.folder = provision(target, self.home, thing, settings=SETTINGS)
        self.board = SimulatedBoard(
            self.folder.image_path,
            log_path=self.folder.log_path,
            heap_bytes=HEAP_BYTES,
        )
        self.power = Powered(self.board)

    def __enter__(self) -> Self:
        self.power.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.power.__exit__()

    @property
    def resets(self) -> int:
        """How often the board has started itself anew."""
        return self.power.resets

    def publish(self, version: str, files: Mapping[str, bytes], **facts: Any) -> str:
        """Send a bundle of `files`, signed; return the job."""
        one = bundle(replace(Facts(version), **facts), files)
        signature = load_key(self.home, "update").sign(one.manifest)
        signed = replace(one, signature=signature)
        return publish_update(self.target, signed, [self.thing], [], Rollout())

    def execution(self, job: str) -> Execution:
        """Return how far it is."""
        (one,) = self.jobs.executions(job)
        return one

    def wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        """Return when it is so; the board's log tells why it did not come."""
        try:
            wait_until(what, is_so, within_s=LATE_S_MAX)
        except AssertionError as error:
            last = f"{self.board.stats}; {self.resets} resets; {self.log()[-1_500:]}"
            raise AssertionError(f"{error}: {last}") from None

    def ended(self, job: str) -> Execution:
        """Return how the job ended."""
        try:
            self.wait_for(f"{job} has ended", lambda: self.execution(job).ended)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.execution(job)}") from None
        assert "emory" not in self.log(), self.log()
        return self.execution(job)

    def log(self) -> str:
        """Return all that the board has logged."""
        return self.folder.log_path.read_text() if self.folder.log_path.exists() else ""


def program(
    folder: Path, marker: str, name: str = "", **replaced: tuple[str, str]
) -> dict[str, bytes]:
    """Return the firmware as another program that `marker` tells from others in every file.

    Without one it differs by what is replaced alone.

    `replaced` has, by module (dots as two underscores), what is to stand in place of what; `name`
    tells two of one marker apart, which have all other files in common.
    """
    sources = folder / f"firmware-{marker}-{name}"
    shutil.copytree(FIRMWARE, sources, ignore=shutil.ignore_patterns("__pycache__"))
    for module, (old, new) in replaced.items():
        path = sources / "lib" / "tidenode" / f"{module.replace('__', '/')}.py"
        text = path.read_text()
        assert old in text, module
        path.write_text(text.replace(old, new))
    made = firmware_bundle(sources)
    return {
        f"{made.path(module)}.mpy": compiled_text(text, f"{module}.{marker}".rstrip("."))
        for module, text in made.texts.items()
    }


def reported(execution: Execution) -> str:
    """Return the details as one text."""
    return json.dumps(execution.details)
