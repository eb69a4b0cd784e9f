"""The program of a component, as a process: what it keeps, how it ends, what it says when wrong."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.modbus.lines import filled_unit
from tests.greengrass_components.tidegate.silent_nucleus import SilentNucleus
from tidegate.outbox import Outbox
from tidegate.simulators.modbus import ModbusServer
from tidewire import decode, real_values

COMPONENTS = Path("greengrass_components").absolute()
MAIN = COMPONENTS / "modbus_adapter" / "main.py"
WAIT_S_MAX = 30.0


def write_map(folder: Path, port: int, *measurements: str) -> None:
    groups = [
        f"- {{measurement: {name}, period_ms: 20, tags: [{{field: a, address: 'holding:{n}'}}]}}"
        for n, name in enumerate(measurements, 1)
    ]
    head = f"site: s\nconnections: {{line: {{url: 'tcp://127.0.0.1:{port}'}}}}\ngroups:\n"
    (folder / "tags.yaml").write_text(head + "\n".join(groups) + "\n")
    (folder / "settings.json").write_text('{"thing": "gate-1", "health_period_ms": "100"}')


async def started(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(MAIN), "--configuration", "settings.json", "--tag-map", "tags.yaml",
        cwd=folder, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while not ready():
            await asyncio.sleep(0.01)


def stored(folder: Path) -> dict[str, Counter[object]]:
    """Return how often each measurement has each value of its first field."""
    outbox = Outbox(folder / "outbox")
    outbox.maintain(flush=True)
    found: dict[str, Counter[object]] = {}
    at = 0
    while entries := outbox.batches.peek(at):
        for entry in entries:
            batch = decode(entry.payload)
            values = found.setdefault(batch.measurement, Counter())
            values.update(real_values(batch.columns[0]))
        at = entries[-1].number + 1
    outbox.close()
    return found


@in_loop
async def test_what_was_read_is_stored_once_when_it_is_killed(tmp_path: Path) -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        write_map(tmp_path, server.port, "pump")
        process = await started(tmp_path)
        await until(lambda: server.requests[1] >= 40)
        process.kill()
        await process.wait()
        first = stored(tmp_path)["pump"][3]
        assert server.requests[1] - 2 <= first <= server.requests[1]  # the last was under way
        process = await started(tmp_path)
        asked = server.requests[1]
        await until(lambda: server.requests[1] >= asked + 20)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        again = stored(tmp_path)["pump"][3]
        assert server.requests[1] - asked - 2 <= again - first <= server.requests[1] - asked


@in_loop
async def test_it_tells_its_health_and_that_a_unit_went_silent(tmp_path: Path) -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        write_map(tmp_path, server.port, "pump")
        process = await started(tmp_path)
        await until(lambda: server.requests[1] >= 20)
        server.cut()
        server.faults.dead = {1}
        assert process.stderr
        async with asyncio.timeout(WAIT_S_MAX):
            while b"does not answer" not in await process.stderr.readline():
                pass
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    found = stored(tmp_path)
    assert found["pump"][None] >= 1
    assert found["gateway_modbus"]


@in_loop
async def test_a_changed_tag_map_is_in_force_after_sighup_and_a_wrong_one_is_not(
    tmp_path: Path,
) -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        write_map(tmp_path, server.port, "pump")
        process = await started(tmp_path)
        await until(lambda: server.requests[1] >= 10)
        assert process.stderr
        (tmp_path / "tags.yaml").write_text("groups: wrong\n")
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(WAIT_S_MAX):
            while b"configuration stays as it was" not in await process.stderr.readline():
                pass
            write_map(tmp_path, server.port, "pump", "tank")
            settings = '{"thing": "gate-1", "outbox": {"mebibytes_max": 3}}'
            (tmp_path / "settings.json").write_text(settings)
            process.send_signal(signal.SIGHUP)
            while b"those of the next start" not in await process.stderr.readline():
                pass
            while b"read again" not in await process.stderr.readline():
                pass
        asked = server.requests[1]
        await until(lambda: server.requests[1] >= asked + 10)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    found = stored(tmp_path)
    assert found["pump"][3] > 10
    assert found["tank"][6] >= 3


@in_loop
async def test_a_wrong_tag_map_ends_it_with_code_2_and_every_mistake(tmp_path: Path) -> None:
    write_map(tmp_path, 1, "pump", "Wrong", "also wrong")
    process = await started(tmp_path)
    _, told = await process.communicate()
    assert process.returncode == 2
    assert b"tags.yaml:5: " in told
    assert b"tags.yaml:6: " in told
    assert b"Traceback" not in told


@in_loop
async def test_a_configuration_that_is_no_text_ends_it_with_code_2(tmp_path: Path) -> None:
    write_map(tmp_path, 1, "pump")
    (tmp_path / "settings.json").write_bytes(b"\xff\xfe{}")
    process = await started(tmp_path)
    _, told = await process.communicate()
    assert process.returncode == 2
    assert b"settings.json can't be read" in told
    assert b"Traceback" not in told


@pytest.mark.parametrize("component", ["modbus_adapter", "mqtt_bridge", "kinesis_uplink"])
@pytest.mark.parametrize("greets", [False, True])
@in_loop
async def test_sigterm_ends_it_while_its_nucleus_does_not_answer(
    tmp_path: Path, component: str, greets: bool
) -> None:
    async with SilentNucleus(tmp_path / "ipc", greets=greets) as nucleus:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(COMPONENTS / component / "main.py"),
            cwd=tmp_path, env=nucleus.environment, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await until(lambda: len(nucleus.asked) > greets)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WAIT_S_MAX):
            _, told = await process.communicate()
        assert process.returncode == 0, told.decode()
        assert b"Traceback" not in told
