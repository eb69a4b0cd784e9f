"""Bring wanted settings into force at a start, and the last good ones back where they failed.

Flow: /control/wanted.json -> [trial] -> /config.json
Here and not when they come: to check them takes the heap that the agent has while it runs.
Each step is one rename; a cut at any moment leaves a configuration that is whole and either
good or on trial, and a trial that does not end well is over with the next start.
"""

import json
import os

from tidenode.control import files, settings, store
from tidenode.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.config import Options


def begin(
    parse: "Callable[[object, Options], Any]",
    options_of: "Options",
    root: str = "",
    *,
    sensing: bool = True,
) -> str:
    """Return what this start has on trial: nothing, `settings`, or `clock`, that one's among them.

    A start without its sensors, not `sensing`, tries nothing: it would not prove that they can be
    made. One that tries another clock has to ask for the time, however well it is known. A flash
    that is full refuses them, and ends no start.
    """
    config = root + "/config.json"
    if store.exists("trial", root):
        end(["it did not connect and run: the last good configuration is back"], root)
        return ""
    if not store.exists("wanted", root):
        store.remove("last", root)  # a cut in the middle of `confirm`
        return ""
    if not sensing:
        return ""
    _restore(config, root)  # a cut in the middle of the lines below
    wanted = files.read("wanted", root)
    mistakes: list[str] = []
    try:
        with open(config) as file:
            before = file.read()
        merged = settings.settled(json.loads(before), wanted["state"], parse, options_of)
        store.save(files.path("last", root), before)
        store.save(config, json.dumps(merged))
        os.rename(files.path("wanted", root), files.path("trial", root))
    except ConfigError as error:
        mistakes = settings.told(error.mistakes)
    except OSError as error:
        _restore(config, root)
        mistakes = ["the board's flash does not take it: error %s" % error.errno]
    except (ValueError, KeyError, TypeError):
        store.remove("wanted", root)  # not what we wrote: damaged
        return ""
    if mistakes:
        refuse("wanted", mistakes, root)
        return ""
    return "settings" if merged.get("clock") == json.loads(before).get("clock") else "clock"


def end(mistakes: "list[str]", root: str = "") -> None:
    """Bring the last good configuration back; what was on trial is refused for `mistakes`."""
    _restore(root + "/config.json", root)
    refuse("trial", settings.told(mistakes), root)


def report(on_trial: bool, root: str = "") -> None:
    """Write what the shadow is told of the settings in force, once they are no trial any more.

    Here, since the heap is free now: while the agent runs, the text is only passed on.
    """
    with open(root + "/config.json") as file:
        document = json.load(file)
    for key in settings.FROZEN:
        document.pop(key, None)
    known = files.read("trial" if on_trial else "applied", root) or {}
    refused = None if on_trial else files.read("refused", root)
    document["version"] = known.get("version", 0)
    document["refused"] = refused and {key: refused[key] for key in ("version", "mistakes")}
    text = json.dumps({"state": {"reported": document}})
    if store.text_of("report", root) != text:
        try:
            store.save(files.path("report", root), text)
        except OSError:
            pass  # full: the shadow is told what it was told before


def refuse(name: str, mistakes: "list[str]", root: str = "") -> None:
    """Note why what the file `name` wants is not done, and that it is over."""
    wanted = files.read(name, root) or {}
    refused = {key: wanted.get(key, 0) for key in ("version", "digest")}
    refused["mistakes"] = mistakes
    store.remove(name, root)  # first: its room may be all there is
    try:
        store.write("refused", refused, root)
    except OSError:
        pass  # it will be wanted again, and refused again


def confirm(root: str = "") -> None:
    """The settings on trial are good: keep them. Raises OSError."""
    os.rename(files.path("trial", root), files.path("applied", root))
    store.remove("last", root)
    store.remove("refused", root)


def _restore(config: str, root: str) -> None:
    if store.exists("last", root):
        os.rename(files.path("last", root), config)
