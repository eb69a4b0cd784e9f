"""What a component will say of its settings, asked of its own reader before they are deployed.

Components of this project are known by their programs. Of others only the recipe's defaults are
known, and what they say themselves once they have the settings.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import ComponentSource
from tidegate import component_settings
from tidegate.adapter_kind import AdapterKind, find_kind, kind_names
from tidegate.carried_map import CARRIED
from tidegate.errors import GateError
from tidegate.kinesis import uplink_settings
from tidegate.setting_reader import SettingsError
from tidegate.streams import manager_settings
from tidegate.tag_map import read_tag_map

ACCESS_CONTROL = "accessControl"  # of the nucleus, in the configuration of any component
_MAKER = "io.tidegauge."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a component is to run; `work` is its working directory, None on another machine.

    There, what its settings name as files can't be looked at, unless its bundle has it.
    """

    gateway: str
    work: Path | None = None


_Check = Callable[[ComponentSource, Mapping[str, Any], Place], None]


@dataclass(frozen=True, slots=True)
class _Reader:
    """The settings that a component reads, and its reader of them; that raises `GateError`."""

    names: frozenset[str]
    check: _Check


def is_known(source: ComponentSource) -> bool:
    """Return whether the component is one whose settings can be checked."""
    return _reader(source) is not None


def setting_names(source: ComponentSource) -> frozenset[str]:
    """Return the settings that a component has, as far as is known; not those of the nucleus."""
    reader = _reader(source)
    names = frozenset(source.recipe.defaults) - {ACCESS_CONTROL}
    return names | reader.names if reader else names


def check_settings(source: ComponentSource, settings: Mapping[str, Any], place: Place) -> None:
    """Raise `TidectlError` with all that the component would find wrong.

    `settings` go before the recipe's defaults; of a component that is not known nothing is.
    """
    reader = _reader(source)
    if reader is None:
        return
    whole = {**source.recipe.defaults, **settings}
    unknown = sorted(set(settings) - setting_names(source) - {ACCESS_CONTROL})
    mistakes = [f"{name} is no setting" for name in unknown]
    try:
        with _working_in(place.work):
            reader.check(source, {k: v for k, v in whole.items() if k in reader.names}, place)
    except SettingsError as error:
        mistakes += error.mistakes
    except GateError as error:
        mistakes += str(error).splitlines()
    if mistakes:
        raise TidectlError(
            f"{source.folder.name} would refuse this: {'; '.join(mistakes)}",
            f"it has {', '.join(sorted(setting_names(source)))}"
            if unknown
            else "nothing is changed: correct it and try again",
        )


def _reader(source: ComponentSource) -> _Reader | None:
    if source.name == f"{_MAKER}KinesisUplink":
        return _Reader(frozenset(uplink_settings.NAMES), _check_uplink)
    if source.name == f"{_MAKER}StreamManager":
        return _Reader(frozenset(manager_settings.NAMES), _check_stream_manager)
    if source.name == f"{_MAKER}MqttBridge":
        from tidegate.mqtt import program  # noqa: PLC0415  it needs its MQTT library

        return _Reader(frozenset(program.NAMES), _check_bridge)
    if adapter_kind(source):
        return _Reader(frozenset(component_settings.NAMES), _check_adapter)
    return None


def adapter_kind(source: ComponentSource) -> AdapterKind | None:
    """Return the kind of adapter that a component is, None where it is none that is known."""
    for name in kind_names():
        if source.name in (f"{_MAKER}{name.capitalize()}Adapter", f"{_MAKER}{name.title()}Metrics"):
            return find_kind(name)
    return None


def _check_adapter(source: ComponentSource, settings: Mapping[str, Any], place: Place) -> None:
    kind = adapter_kind(source)
    assert kind  # noqa: S101  else it had no reader
    own = {"thing": f"{place.gateway}:{kind.name}", **settings}
    found = component_settings.read_settings(own, kind.name)
    if found.tag_map == CARRIED:
        with tempfile.TemporaryDirectory(prefix="tidegauge-") as scratch:
            path = found.tag_map_path(source.folder, Path(scratch))
            read_tag_map(path, kind=kind, thing=found.thing, connections=found.connections)
        return
    if place.work is None:
        path = source.folder / found.tag_map  # what its bundle has
        if Path(found.tag_map).is_absolute() or not path.exists():
            return  # it is on the device, or is not
    else:
        path = found.tag_map_path(source.folder)
    tag_map = read_tag_map(path, kind=kind, thing=found.thing, connections=found.connections)
    for bus in tag_map.buses if place.work else ():
        try:
            kind.make(bus.settings)
        except GateError as error:
            raise GateError(f"connection {bus.name}: {error}") from error


def _check_bridge(_source: ComponentSource, settings: Mapping[str, Any], place: Place) -> None:
    from tidegate.mqtt.settings import read_settings  # noqa: PLC0415  as above

    own = dict(settings)
    broker = own.pop("broker", {})
    component_settings.read_settings({"thing": place.gateway, **own})
    if not isinstance(broker, Mapping):
        raise GateError(f"broker is {broker!r}, not a map")
    read_settings(broker, has_files=place.work is not None)


def _check_uplink(_source: ComponentSource, settings: Mapping[str, Any], place: Place) -> None:
    environment = {"AWS_IOT_THING_NAME": place.gateway, "AWS_REGION": "any"}
    uplink_settings.read_uplink_settings(settings, environment)


def _check_stream_manager(
    _source: ComponentSource, settings: Mapping[str, Any], _place: Place
) -> None:
    manager_settings.settings_of(settings, {})


@contextlib.contextmanager
def _working_in(folder: Path | None) -> Iterator[None]:
    """Look for files where the component does."""
    if folder is None or not folder.is_dir():
        yield
        return
    with contextlib.chdir(folder):
        yield
