"""The component as a nucleus starts it: `main.py`, its recipe and its ends."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import stream_manager as sdk
from tests.greengrass_components.tidegate.ipc.desk import Desk
from tests.greengrass_components.tidegate.nucleus.root import Root, until
from tests.greengrass_components.tidegate.streams.manager_process import MAIN, ManagerProcess
from tidegate.ipc.client import SOCKET_VARIABLE, TOKEN_VARIABLE
from tidegate.ipc.limits import LITE
from tidegate.nucleus.nucleus import Nucleus
from tidegate.setting_reader import SettingsError
from tidegate.streams.manager_settings import settings_of

PUBLIC_NAME = "aws.greengrass.StreamManager"
REJECT = sdk.StrategyOnFull.RejectNewData


def test_it_serves_the_sdk_ends_in_order_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ManagerProcess(tmp_path / "work") as manager:
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", manager.token)
        client = sdk.StreamManagerClient(port=manager.port)
        client.create_message_stream(sdk.MessageStreamDefinition("s", strategy_on_full=REJECT))
        assert client.append_message("s", b"kept") == 0
        client.close()
        assert manager.stop() == 0
        assert "ended in order" in manager.log()
        assert not (tmp_path / "work" / "stream_manager.socket").exists()
        manager.start()
        client = sdk.StreamManagerClient(port=manager.port)
        assert client.read_messages("s")[0].payload == b"kept"
        client.close()
        assert manager.memory_mb() < 45, "far from the 70 MB and more of the one in Java"
    assert all(
        path.stat().st_mode & 0o077 == 0
        for path in (tmp_path / "work").rglob("*")
        if path.name not in ("log", "work")
    )


def test_it_ends_soon_while_an_export_waits_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, ManagerProcess(tmp_path) as manager:
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", manager.token)
        client = sdk.StreamManagerClient(port=manager.port)
        uri = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        exports = sdk.ExportDefinition(http=[sdk.HTTPConfig("h", uri)])
        client.create_message_stream(
            sdk.MessageStreamDefinition("s", strategy_on_full=REJECT, export_definition=exports)
        )
        client.append_message("s", b"x")
        asked, _ = mute.accept()
        with asked:
            assert asked.recv(4)
            assert manager.stop(within_s=9) == 0, "the answer itself is waited for 10 s"
        client.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "x"], "port is 'x', not a number"),
        (["--port", "0", "--authentication", "nucleus"], "no nucleus started this process"),
    ],
)
def test_what_cannot_work_is_told_in_a_line(tmp_path: Path, options: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, MAIN, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with ManagerProcess(tmp_path / "one") as manager:
        done = subprocess.run(
            [sys.executable, MAIN, "--port", str(manager.port)],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "end what listens there" in done.stderr


def test_settings_are_read_as_texts_and_as_numbers_and_all_mistakes_told() -> None:
    texts = settings_of(
        {"port": "8089", "retrySecondsMax": "30", "accessControl": {}}, {"AWS_REGION": "eu-west-1"}
    )
    assert texts == settings_of(
        {"port": 8089.0, "retrySecondsMax": 30}, {"AWS_REGION": "eu-west-1"}
    )
    assert (texts.port, texts.region, texts.endpoints) == (8089, "eu-west-1", {})
    environment = {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}
    assert settings_of({"endpoints": {"kinesis": "http://c"}}, environment).endpoints == {
        "kinesis": "http://c", "s3": "http://b", "iotdata": "http://a", "iotsitewise": "http://a",
    }  # fmt: skip
    aws = settings_of(
        {"STREAM_MANAGER_SERVER_PORT": "9000", "STREAM_MANAGER_AUTHENTICATE_CLIENT": "false",
         "STREAM_MANAGER_EXPORTER_MAX_BANDWIDTH": 500, "STREAM_MANAGER_STORE_ROOT_DIR": ".",
         "JVM_ARGS": "", "STREAM_MANAGER_EXPORTER_THREAD_POOL_SIZE": "5"},
        {},
    )  # fmt: skip
    assert (aws.port, aws.authentication, aws.store) == (9000, "none", Path())
    assert aws.export_bits_per_s_max == 500_000
    assert aws.passed_over == ("JVM_ARGS", "STREAM_MANAGER_EXPORTER_THREAD_POOL_SIZE")
    with pytest.raises(SettingsError) as error:
        settings_of(
            {"port": 70_000, "authentication": "all", "prot": 1, "endpoints": {"s3": "h:80"}}, {}
        )
    assert len(error.value.mistakes) == 4


def test_a_configuration_too_long_for_one_message_of_lite_is_read_by_settings(
    tmp_path: Path,
) -> None:
    padding = {f"k{number}": "x" * 500 for number in range(30)}
    with Desk(LITE) as desk:
        desk.nucleus.add("m", "t", {"retrySecondsMax": "30", "padding": padding})
        environment = {SOCKET_VARIABLE: str(desk.socket_path), TOKEN_VARIABLE: "t"}
        with ManagerProcess(tmp_path, environment=environment) as manager:
            assert "configuration read setting by setting: ServiceError" in manager.log()
            assert manager.stop() == 0


def test_under_the_public_name_the_nucleus_vouches_for_components(tmp_path: Path) -> None:
    """As AWS's own: each component comes with the token that its nucleus gave it."""
    root = Root(tmp_path)
    run = f'exec "{sys.executable}" "{MAIN}" --port 0 --facts facts.json'
    root.add(
        PUBLIC_NAME, {"run": run}, defaults={"authentication": "nucleus", "port": "8088"}
    )  # fmt: skip
    root.add("other", {"run": "exec sleep 1000"})

    async def scene(nucleus: Nucleus) -> None:
        wanted = {PUBLIC_NAME: "1.0.0", "other": "1.0.0"}
        done = await root.deploy(nucleus, rootComponentVersionsToAdd=wanted)
        assert done["status"] == "SUCCEEDED", done
        facts = root.settings.work(PUBLIC_NAME) / "facts.json"
        await until(facts.exists)
        port = json.loads(facts.read_bytes())["port"]
        token = nucleus.component("other").token
        await asyncio.to_thread(_append_as, port, token)
        with pytest.raises(sdk.ConnectFailedException):
            await asyncio.to_thread(_append_as, port, "someone-else")

    root.run(scene)


def _append_as(port: int, token: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
        client = sdk.StreamManagerClient(port=port)
    client.create_message_stream(sdk.MessageStreamDefinition("s", strategy_on_full=REJECT))
    assert client.append_message("s", b"x") == 0
    client.close()
