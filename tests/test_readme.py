"""The README is true: its commands run as they stand, its links lead somewhere."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.tools.tidectl.test_cli import parsed
from tidectl.cache import cache_folder
from tidectl.home import Home
from tidectl.local_process import LocalProcess

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted(
    page for page in ROOT.rglob("*.md") if not set(page.relative_to(ROOT).parts) & {".venv", ".git"}
)
ENDLESS = ("tidectl device run", "tidectl tail")  # they run until Ctrl-C
SHOWN_S_MAX = 60.0


def commands_below(heading: str) -> list[str]:
    """Return the commands of the section's shell block, comments taken off."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user's shell: tidectl on the path, a home and ports of its own, no AWS account."""
    scripts = Path(sys.executable).parent
    ports = {f"TIDEGAUGE_{name}_PORT": "0" for name in ("HTTP", "MQTT", "STORE")}
    yield {
        **{name: text for name, text in os.environ.items() if not name.startswith("AWS_")},
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(cache_folder().parents[1]),  # the firmware is compiled already
        "TIDEGAUGE_HOME": str(tmp_path / "home"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **ports,
    }
    LocalProcess(Home(tmp_path / "home")).stop()  # what a failed test left running


def run(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line as it stands; one that has no end gets Ctrl-C once it shows something."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shown = ""
    if line.startswith(ENDLESS):
        stream = process.stderr if "run" in line else process.stdout
        assert stream
        deadline = time.monotonic() + SHOWN_S_MAX
        for _ in range(2):
            shown += stream.readline()
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SHOWN_S_MAX)
    return subprocess.CompletedProcess(line, process.returncode, out, shown + err)


def test_a_first_board_and_a_first_query_go_as_written(environment: dict[str, str]) -> None:
    provision, device, tail = "tidectl provision greenhouse-1", "tidectl device run", "tidectl tail"
    lines = commands_below("A first board") + commands_below("A first query")
    assert [line.split()[1] for line in lines] == [
        "up", "provision", "device", "query", "tail", "audit", "down",
    ]  # fmt: skip
    assert any(line.startswith(provision) for line in lines)
    for line in lines:
        if line.startswith(tail):
            # The reader has a board running in another terminal.
            board = subprocess.Popen(
                ["bash", "-c", f"exec {device} greenhouse-1"],
                env=environment,
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
            )
        done = run(line, environment)
        deadline = time.monotonic() + SHOWN_S_MAX
        while "not found" in done.stderr and time.monotonic() < deadline:
            done = run(line, environment)  # a reader is slower than the stream's window
        assert done.returncode == 0, f"{line}:\n{done.stderr}"
        if line.startswith(tail):
            board.send_signal(signal.SIGINT)
            assert board.wait(SHOWN_S_MAX) == 0
        if line.startswith("tidectl query"):
            assert "temperature_c" in done.stdout
        if line.startswith("tidectl audit"):
            assert "nothing lost, nothing stored twice" in done.stderr


def test_without_an_account_the_aws_commands_say_what_is_missing(
    environment: dict[str, str],
) -> None:
    lines = commands_below("On AWS")
    assert len(lines) >= 3
    environment = {**environment, "AWS_REGION": "eu-central-1"}
    for line in lines:
        done = run(line, environment)
        assert "Traceback" not in done.stderr, done.stderr
        if "--target aws" in line and "--dry-run" not in line:
            assert done.returncode == 1
            assert "no valid AWS credentials" in done.stderr
        else:
            assert done.returncode == 0, f"{line}:\n{done.stdout}{done.stderr}"


def test_the_commands_for_a_real_board_are_ones_that_tidectl_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greenhouse.json").write_text("{}")
    lines = commands_below("A real board")
    assert len(lines) >= 5
    for line in lines:
        parsed(line.split()[1:])
    with pytest.raises(click.UsageError):
        parsed(["flash", "/dev/ttyUSB0"])


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    lines = commands_below("Two commands")
    assert [line.split()[:2] for line in lines] == [["make", "demo"], ["make", "test"]]
    makefile = (ROOT / "Makefile").read_text()
    pages = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"(?:^|`)make (\w+)", pages, re.MULTILINE)
    assert {"demo", "test", "bench"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(
        ["make", "-s", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    makefile = (ROOT / "Makefile").read_text()
    phony = makefile.partition(".PHONY:")[2].partition("\n")[0].split()
    assert [line.split()[0] for line in done.stdout.splitlines()] == phony


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_ci_script_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()
