"""Scripts and what they write: bounded on the disk, and ended with all they started."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.nucleus.root import until
from tidegate.nucleus.component_log import LINE_BYTES_MAX, ComponentLog
from tidegate.nucleus.script import Script, ScriptTimeoutError


def test_a_log_is_turned_over_and_keeps_the_latest(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    log = ComponentLog(path, bytes_max=10_000)
    for number in range(1_000):
        log.write("run", f"line {number}")
    log.close()
    kept = path.read_text() + path.with_name("a.log.1").read_text()
    assert len(kept) <= 20_000
    assert path.read_text().splitlines()[-1].endswith("[run] line 999")
    assert path.stat().st_mode & 0o077 == 0


def test_lines_of_any_length_are_written_and_cut(tmp_path: Path) -> None:
    async def scene() -> None:
        log = ComponentLog(tmp_path / "a.log")
        text = f"head -c {3 * LINE_BYTES_MAX} /dev/zero | tr '\\0' x; echo; printf end"
        script = await Script.start(
            text, step="run", cwd=tmp_path, environment=dict(os.environ), log=log
        )
        assert await script.wait(20) == 0
        log.close()

    asyncio.run(scene())
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert lines[-1].endswith("[run] end")
    assert sum(line.count("x") for line in lines) >= LINE_BYTES_MAX
    assert max(len(line) for line in lines) < LINE_BYTES_MAX + 100


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_a_script_is_ended_with_all_that_it_started(tmp_path: Path, stubborn: str) -> None:
    async def scene() -> None:
        log = ComponentLog(tmp_path / "a.log")
        text = f"{stubborn}sleep 1000 & echo $! > child; while :; do sleep 0.05; done"
        script = await Script.start(
            text, step="run", cwd=tmp_path, environment=dict(os.environ), log=log
        )
        child = tmp_path / "child"
        await until(lambda: child.exists() and child.read_text().strip())
        await script.stop(timeout_s=0.2)
        await until(lambda: not _alive(int(child.read_text())))
        log.close()

    asyncio.run(scene())


def test_a_script_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        log = ComponentLog(tmp_path / "a.log")
        script = await Script.start(
            "exec sleep 1000", step="install", cwd=tmp_path, environment=dict(os.environ), log=log
        )
        with pytest.raises(ScriptTimeoutError):
            await script.wait(0.05)
        assert not _alive(script.pid)
        log.close()

    asyncio.run(scene())


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
