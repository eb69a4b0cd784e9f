"""Fixtures for the command line: itself, run in this process, and certificates of any kind."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.local_cloud import CloudProcess
from tidectl import output
from tidectl.cli import main
from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.stack import deploy
from tidectl.target import Target, local_target


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the document of `--json`, the last line of the answer."""
        return json.loads(self.out.splitlines()[-1])

    def complaint(self) -> str:
        """Return the error line of a command that failed as it should: one line and a hint."""
        assert self.code == 1, self
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("error:")]
        assert len(errors) == 1, self.err
        assert lines[-1].startswith("hint:"), self.err
        return errors[0].removeprefix("error:").strip()


Run = Callable[..., Done]


@pytest.fixture
def tidectl(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run `tidectl` with arguments, at a home of its own unless `home` is given."""
    for console in (output.out, output.err):
        monkeypatch.setattr(console, "width", 200)

    def run(*arguments: str, home: Path | None = None) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["--home", str(home or tmp_path / "home"), *arguments])
        written = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Done(end.value.code, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def shared_home(local_cloud: CloudProcess, deployed: Target) -> Home:  # noqa: ARG001  deployed first
    """The home of the shared local cloud, the stack deployed: things need names of their own."""
    return Home(local_cloud.state.parent)


@pytest.fixture(params=["influxdb", "liveanalytics"])
def empty_cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A local cloud of the test's own whose store, of each engine, is empty."""
    process = LocalProcess(Home(tmp_path / "home"))
    facts = process.start(http_port=0, mqtt_port=0, store_port=0)
    target = local_target(facts)
    deploy(target, {"StoreEngine": request.param})
    yield target
    psutil.Process(facts.pid).kill()
