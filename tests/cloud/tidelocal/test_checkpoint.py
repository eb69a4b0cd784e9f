"""Kept state: on the disk soon after each change, whole, and again after a full disk."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from tests.cloud.tidelocal.disk import full_disk
from tidelocal.checkpoint import Checkpoint
from tidelocal.errors import StorageFullError
from tidelocal.host import Host


class Services:
    """What a checkpoint sees of the host."""

    def __init__(self, folder: Path) -> None:
        self.state_folder = folder
        self.documents = {"iot": b"iot 1", "lambda": b"lambda 1"}
        self.moving = False
        self.stacks = self

    def snapshot(self) -> dict[str, bytes]:
        return dict(self.documents)

    def in_progress(self) -> bool:
        return self.moving

    def kept(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.state_folder.glob("*.json")}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(tmp_path)


@pytest.fixture
def checkpoint(services: Services) -> Checkpoint:
    return Checkpoint(cast("Host", services))


def _run(*steps: Coroutine[Any, Any, None]) -> None:
    async def scene() -> None:
        for step in steps:
            await step

    asyncio.run(scene())


def test_nothing_is_written_until_something_changed(
    services: Services, checkpoint: Checkpoint
) -> None:
    _run(checkpoint.flush())
    assert services.kept() == {}


def test_a_change_is_written_by_the_next_flush(services: Services, checkpoint: Checkpoint) -> None:
    checkpoint.touch()
    _run(checkpoint.flush())
    assert services.kept() == {"iot.json": b"iot 1", "lambda.json": b"lambda 1"}


def test_only_what_differs_is_written_again(services: Services, checkpoint: Checkpoint) -> None:
    checkpoint.touch()
    _run(checkpoint.flush())
    (services.state_folder / "iot.json").unlink()
    services.documents["lambda"] = b"lambda 2"
    checkpoint.touch()
    _run(checkpoint.flush())
    assert services.kept() == {"lambda.json": b"lambda 2"}


@pytest.mark.parametrize("room", [0, 3, 5])
def test_a_full_disk_keeps_the_old_state_and_is_written_later(
    services: Services, checkpoint: Checkpoint, room: int
) -> None:
    checkpoint.touch()
    _run(checkpoint.flush())
    services.documents = {"iot": b"iot 2 longer", "lambda": b"lambda 2 longer"}
    checkpoint.touch()
    with full_disk(file_bytes_max=room), pytest.raises(StorageFullError, match="free some space"):
        _run(checkpoint.flush())
    assert services.kept() == {"iot.json": b"iot 1", "lambda.json": b"lambda 1"}
    _run(checkpoint.flush())
    assert services.kept() == {"iot.json": b"iot 2 longer", "lambda.json": b"lambda 2 longer"}


def test_a_change_during_a_write_is_written_by_the_next_flush(
    services: Services, checkpoint: Checkpoint
) -> None:
    async def scene() -> None:
        checkpoint.touch()
        writing = asyncio.create_task(checkpoint.flush())
        await asyncio.sleep(0)  # the snapshot is taken
        services.documents["iot"] = b"iot 2"
        checkpoint.touch()
        await asyncio.gather(writing, checkpoint.flush())

    _run(scene())
    assert services.kept()["iot.json"] == b"iot 2"


def test_it_writes_by_itself_and_outlives_a_full_disk(
    services: Services, checkpoint: Checkpoint
) -> None:
    async def scene() -> None:
        task = asyncio.create_task(checkpoint.run())
        draft = services.state_folder / "iot.json.new"
        draft.symlink_to("/dev/full")
        checkpoint.touch()
        async with asyncio.timeout(10):
            while "lambda.json" not in services.kept():
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    _run(scene())
    assert services.kept() == {"iot.json": b"iot 1", "lambda.json": b"lambda 1"}


def test_a_moving_stack_is_written_until_it_stands(
    services: Services, checkpoint: Checkpoint
) -> None:
    async def scene() -> None:
        services.moving = True
        task = asyncio.create_task(checkpoint.run())
        async with asyncio.timeout(10):
            while not services.kept():
                await asyncio.sleep(0.01)
            services.documents["iot"] = b"the last step"
            services.moving = False
            while services.kept()["iot.json"] != b"the last step":
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})

    _run(scene())
