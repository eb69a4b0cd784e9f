"""Remember alarms over restarts: one that latches must not be forgotten with the power.

Flow: intake ~changes of alarms~> [alarm states] -> `alarms.json` beside the outbox
Bounded: only alarms that are not normal stand in the file, which is written anew at each change.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from tidegate.alarms import Alarm, Alarms, Standing, State
from tidegate.group import Group
from tidegate.segment_log.cursors import replace_file

log = logging.getLogger("tidegate.alarms")


class AlarmStates:
    """The states of the alarms of `groups`, kept in the file `path`."""

    def __init__(self, path: Path, groups: Mapping[Group, Alarms]) -> None:
        self._path, self._groups = path, groups
        known = _read(path)
        for key, alarm in self._all():
            if standing := known.get(key):
                alarm.resume(standing)

    def keep(self) -> None:
        """Write them down; a disk that refuses is told of in the log."""
        facts = {
            key: (standing.state.value, standing.acknowledged, standing.limit)
            for key, alarm in self._all()
            if (standing := alarm.standing)
        }
        try:
            replace_file(self._path, json.dumps(facts).encode())
        except OSError as error:
            log.error("states of alarms not kept: %s", error)

    def _all(self) -> Iterator[tuple[str, Alarm]]:
        for group, alarms in self._groups.items():
            for alarm in alarms:
                yield f"{group.thing}/{group.measurement}/{alarm.rule.name}", alarm


def _read(path: Path) -> dict[str, Standing]:
    try:
        return {
            key: Standing(State(state), bool(acknowledged), limit)
            for key, (state, acknowledged, limit) in json.loads(path.read_bytes()).items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        log.error("alarms begin anew, %s can't be read: %s", path, error)
        return {}
