"""Credentials for components: by token, held until they end, and never for a stranger."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tidegate.nucleus.credentials import CredentialsServer
from tidegate.nucleus.device_cloud import DeviceCloud
from tidegate.nucleus.environment import CREDENTIALS_PATH
from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.settings import Settings


class Cloud(DeviceCloud):
    """A cloud whose credentials last as long as it is told."""

    def __init__(self, lasts_s: float) -> None:
        super().__init__(Settings(root=Path()))
        self.asked, self.lasts_s, self.away = 0, lasts_s, False

    def credentials(self) -> dict[str, Any]:
        if self.away:
            raise NucleusError("no way to the cloud")
        self.asked += 1
        until = datetime.now(UTC) + timedelta(seconds=self.lasts_s)
        return {
            "accessKeyId": f"key-{self.asked}",
            "secretAccessKey": "secret",
            "sessionToken": "token",
            "expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _ask(port: int, token: str, path: str = CREDENTIALS_PATH) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Authorization": token})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def _play(cloud: Cloud, *asks: tuple[str, ...]) -> list[tuple[int, dict[str, Any]]]:
    async def scene() -> list[tuple[int, dict[str, Any]]]:
        server = CredentialsServer(cloud)
        server.allows = lambda token: token == "good"
        await server.open()
        found = [await asyncio.to_thread(_ask, server.port, *ask) for ask in asks]
        await server.close()
        return found

    return asyncio.run(scene())


def test_they_are_held_until_they_are_about_to_end() -> None:
    long, short = Cloud(3_600), Cloud(200)
    answers = _play(long, ("good",), ("good",))
    assert [one[1]["AccessKeyId"] for one in answers] == ["key-1", "key-1"]
    assert set(answers[0][1]) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    answers = _play(short, ("good",), ("good",))
    assert [one[1]["AccessKeyId"] for one in answers] == ["key-1", "key-2"]


def test_strangers_and_other_paths_get_none() -> None:
    cloud = Cloud(3_600)
    answers = _play(cloud, ("bad",), ("",), ("good", "/latest/meta-data"))
    assert [status for status, _ in answers] == [403, 403, 404]
    assert cloud.asked == 0


def test_a_cloud_that_is_away_is_an_error_that_says_so() -> None:
    cloud = Cloud(3_600)
    cloud.away = True
    ((status, document),) = _play(cloud, ("good",))
    assert (status, document) == (500, {"message": "no way to the cloud"})
