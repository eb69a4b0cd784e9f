"""A component that its nucleus does not answer yet, any more, or at all."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.ipc.desk import Desk
from tests.greengrass_components.tidegate.silent_nucleus import SilentNucleus
from tests.greengrass_components.tidegate.test_program import COMPONENTS, WAIT_S_MAX
from tidegate.ipc.client import SOCKET_VARIABLE, TOKEN_VARIABLE
from tidegate.ipc.server import IpcServer
from tidegate.process import NO_NUCLEUS, Process, exit_code_of


def environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOCKET_VARIABLE, str(desk.socket_path))
    monkeypatch.setenv(TOKEN_VARIABLE, "t")


async def nothing(_process: Process) -> None:
    pass


def test_a_nucleus_that_stays_away_is_no_mistake_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(SOCKET_VARIABLE, str(tmp_path / "absent"))
    monkeypatch.setenv(TOKEN_VARIABLE, "t")
    assert exit_code_of(nothing, None, nucleus_s_max=0.3) == NO_NUCLEUS
    assert "is it running?" in caplog.text


def test_a_nucleus_that_does_not_know_it_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Desk() as desk:
        environment(desk, monkeypatch)
        assert exit_code_of(nothing, None) == NO_NUCLEUS
    assert "refuses this component's token" in caplog.text


@in_loop
async def test_a_nucleus_that_starts_later_is_waited_for(tmp_path: Path) -> None:
    late = SilentNucleus(tmp_path / "ipc", greets=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(COMPONENTS / "modbus_adapter" / "main.py"),
        cwd=tmp_path, env=late.environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    async with asyncio.timeout(WAIT_S_MAX):
        assert b"waits 60 s at most: no nucleus at" in await process.stderr.readline()
        async with late:
            while len(late.asked) < 2:  # it has connected, and asks
                await asyncio.sleep(0.01)
            process.terminate()
            assert await process.wait() == 0


def test_a_nucleus_that_restarts_while_it_is_asked_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Desk() as desk:
        desk.nucleus.add("a", "t", {"site": "plant"})
        environment(desk, monkeypatch)
        found: list[object] = []

        async def program(process: Process) -> None:
            asked = asyncio.create_task(process.settings(["site"]))
            await asyncio.to_thread(desk.restart)
            found.append(await asked)

        assert exit_code_of(program, None) == 0
    assert found == [{"site": "plant"}]


def test_what_changes_while_the_nucleus_is_away_is_read_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Desk() as desk:
        desk.nucleus.add("a", "t", {"site": "plant"})
        environment(desk, monkeypatch)

        async def program(process: Process) -> None:
            assert process.ipc
            await asyncio.to_thread(desk.run, desk.server.close())
            while process.ipc.connected:
                await asyncio.sleep(0.01)
            process.changed.set()
            told = asyncio.create_task(process.told())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not told.done()
            desk.server = IpcServer(
                path=desk.socket_path, nucleus=desk.nucleus,
                operations=desk.operations, limits=desk.limits,
            )  # fmt: skip
            await asyncio.to_thread(desk.run, desk.server.open())
            async with asyncio.timeout(WAIT_S_MAX):
                await told
            assert await process.settings(["site"]) == {"site": "plant"}

        assert exit_code_of(program, None) == 0
