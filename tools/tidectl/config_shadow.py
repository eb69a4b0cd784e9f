"""The shadow `config` of a thing: the settings it should have, and those it has."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import ThingFolder

_NAME = "config"
_ABOUT_THEM = {"version", "refused", "boot"}  # what a board reports beside its settings


@dataclass(frozen=True, slots=True)
class ConfigShadow:
    """What the cloud holds; `delta` is what the board does not have yet."""

    version: int
    desired: dict[str, Any]
    reported: dict[str, Any]
    delta: dict[str, Any]


def read(target: Target, thing: str) -> ConfigShadow:
    """Return the shadow. Raises TidectlError where the thing has none."""
    try:
        answer = target.client("iot-data").get_thing_shadow(thingName=thing, shadowName=_NAME)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise TidectlError(
            f"{thing} has reported no settings",
            "provision it with a section `control` in its --config, and let it connect",
        ) from error
    document = json.loads(answer["payload"].read())
    state = document["state"]
    return ConfigShadow(
        document["version"],
        state.get("desired") or {},
        state.get("reported") or {},
        state.get("delta") or {},
    )


def in_force(target: Target, home: Home, thing: str) -> dict[str, Any]:
    """Return the settings that `thing` has reported, or was configured with here, or nothing."""
    iot = target.client("iot")
    try:
        iot.describe_thing(thingName=thing)
    except iot.exceptions.ResourceNotFoundException as error:
        raise TidectlError(f"there is no thing {thing}", "see tidectl status") from error
    try:
        found = read(target, thing).reported
    except TidectlError:
        found = {}
    if "measurements" in found:
        return {key: found[key] for key in found.keys() - _ABOUT_THEM}
    folder = ThingFolder(home.thing_folder(thing))
    return folder.config() if folder.config_path.exists() else {}


def want(target: Target, thing: str, settings: dict[str, Any]) -> int:
    """Have the thing told that it should have `settings`; return the shadow's version."""
    payload = json.dumps({"state": {"desired": settings}})
    answer = target.client("iot-data").update_thing_shadow(
        thingName=thing, shadowName=_NAME, payload=payload
    )
    return int(json.loads(answer["payload"].read())["version"])


def parsed(words: tuple[str, ...]) -> dict[str, Any]:
    """Return `batch.age_ms_max=500` and the like as an object; values are JSON, else text.

    Raises TidectlError.
    """
    settings: dict[str, Any] = {}
    for word in words:
        path, equals, text = word.partition("=")
        keys = path.split(".")
        if not equals or not all(keys):
            raise TidectlError(f"{word} is no setting", "write batch.age_ms_max=500")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        place = settings
        for key in keys[:-1]:
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise TidectlError(f"{path} is within a setting that is no section", "see its path")
            place = inner
        place[keys[-1]] = value
    return settings
