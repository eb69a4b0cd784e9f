"""Tag maps: which values of which devices become which fields.

YAML holds connections and groups of tags, or names CSV files of tags; a CSV alone will do where
its column `connection` holds addresses. All mistakes are told together, with their lines.

    adapter: modbus
    connections:
      line1: {url: tcp://192.0.2.10:502}
    groups:
      - {measurement: pump, connection: line1, unit: 1, period_ms: 1000, tags: [
          {field: speed_percent, address: "input:0", type: float32, unit: "%", deadband: 0.5}]}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.adapter_kind import AdapterKind, find_kind
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.tag_map_csv import read_rows
from tidegate.tag_map_entry import Entry, Mistake, Mistakes, TagMapError
from tidegate.tag_map_group import GroupReader, GroupRecord
from tidegate.yaml_lines import LinedList, LinedMap, YamlError, load

__all__ = ["Bus", "Mistake", "TagMap", "TagMapError", "read_tag_map"]

BYTES_MAX = 16 << 20  # some 100,000 tags
GROUPS_MAX = 10_000
TAGS_MAX = 200_000
_TOP = ("adapter", "site", "thing", "connections", "groups", "csv", "period_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """A physical connection and what is read over it; `settings` are the adapter's.

    `file` and `line` are where a mistake in them is to be corrected.
    """

    name: str
    settings: Mapping[str, Any]
    groups: tuple[Group, ...]
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TagMap:
    """What one component reads; `site` is "" where the map says nothing of it."""

    kind: AdapterKind
    buses: tuple[Bus, ...]
    site: str = ""

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return the groups of all buses."""
        return tuple(group for bus in self.buses for group in bus.groups)


def read_tag_map(
    path: Path,
    *,
    kind: AdapterKind | None = None,
    thing: str = "gateway",
    connections: Mapping[str, Any] | None = None,
) -> TagMap:
    """Return the tag map in `path`; raises `TagMapError` with all mistakes.

    `kind` is what the map has to be of, or what it is of where it does not say. `thing` is whose
    measurements are those of groups that name no thing. `connections`, of a component's
    configuration, go before those of the map, setting by setting.
    """
    mistakes = Mistakes()
    found = _Reading(path, mistakes, kind, thing, connections or {}).read()
    if found is None or mistakes:
        raise mistakes.error()
    return found


class _Reading:
    """One reading of a map; what it finds wrong goes to `mistakes`."""

    def __init__(
        self,
        path: Path,
        mistakes: Mistakes,
        kind: AdapterKind | None,
        thing: str,
        connections: Mapping[str, Any],
    ) -> None:
        self._path, self._mistakes, self._kind = path, mistakes, kind
        self._thing, self._over = thing, connections
        self._period_ms = 1000
        self._records: list[GroupRecord] = []
        self._lines: dict[str, int] = {}  # of connections

    def read(self) -> TagMap | None:
        """Return the map, None where something is wrong."""
        text = self._text(self._path)
        if text is None:
            return None
        if self._path.suffix.lower() == ".csv":
            top = LinedMap(1)
            top["csv"] = self._path.name
        else:
            try:
                top = load(text)
            except YamlError as error:
                self._mistakes.add(self._path.name, error.line, str(error))
                return None
            if not isinstance(top, LinedMap):
                self._mistakes.add(self._path.name, 1, "is no map of adapter, connections, groups")
                return None
        entry = Entry(top, self._path.name, self._mistakes)
        kind = self._find_kind(entry)
        if kind is None:
            return None
        site = entry.text("site", "")
        self._thing = entry.text("thing", self._thing)
        self._period_ms = entry.integer("period_ms", 1000, 1, 86_400_000)
        settings = self._connections(entry)
        reader = GroupReader(kind, self._mistakes, self._thing, self._period_ms)
        self._read_groups(entry, reader)
        self._read_csv(entry, reader)
        entry.finish(_TOP)
        self._records = reader.records()
        self._check_whole()
        buses = tuple(self._buses(kind, settings))
        return TagMap(kind=kind, buses=buses, site=site)

    def _text(self, path: Path) -> str | None:
        try:
            if path.stat().st_size > BYTES_MAX:
                self._mistakes.add(path.name, 0, f"is larger than {BYTES_MAX >> 20} MiB")
                return None
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            self._mistakes.add(str(path), 0, f"can't be read: {error.strerror}")
        except UnicodeDecodeError as error:
            self._mistakes.add(path.name, 0, f"is not UTF-8: {error.reason}")
        return None

    def _find_kind(self, entry: Entry) -> AdapterKind | None:
        wanted = self._kind
        name = entry.text("adapter", wanted.name if wanted else "modbus")
        if wanted and name != wanted.name:
            entry.mistake("adapter", f"is {name!r}, and this is the {wanted.name} adapter")
            return None
        try:
            return wanted or find_kind(name)
        except GateError as error:
            entry.mistake("adapter", str(error))
            return None

    def _connections(self, entry: Entry) -> dict[str, dict[str, Any]]:
        maps = entry.maps("connections")
        self._lines = {name: one.line for name, one in maps.items()}
        settings = {name: dict(one) for name, one in maps.items()}
        for name, one in self._over.items():
            if isinstance(one, Mapping):
                settings[name] = {**settings.get(name, {}), **one}
            else:
                self._mistakes.add("configuration", 0, f"connections.{name} is no map of settings")
        return settings

    def _read_groups(self, entry: Entry, reader: GroupReader) -> None:
        for item, line in entry.items("groups"):
            if isinstance(item, LinedMap):
                reader.read_group(Entry(item, self._path.name, self._mistakes))
            else:
                self._mistakes.add(self._path.name, line, "a group is a map with tags")

    def _read_csv(self, entry: Entry, reader: GroupReader) -> None:
        names = entry.take("csv")
        for name in names if isinstance(names, LinedList) else [] if names is None else [names]:
            path = self._path.parent / str(name)
            text = self._text(path)
            if text is not None:
                for row in read_rows(text, path.name, self._mistakes):
                    reader.read_row(Entry(row, path.name, self._mistakes))

    def _check_whole(self) -> None:
        if not self._records and not self._mistakes:
            self._mistakes.add(self._path.name, 0, "has no group of tags")
        tags = sum(len(record.group.tags) for record in self._records)
        if len(self._records) > GROUPS_MAX or tags > TAGS_MAX:
            self._mistakes.add(
                self._path.name, 0, f"has more than {GROUPS_MAX:,} groups or {TAGS_MAX:,} tags"
            )
        seen: dict[tuple[str, str], GroupRecord] = {}
        for record in self._records:
            key = (record.group.thing, record.group.measurement)
            first = seen.setdefault(key, record)
            if first is not record:
                record.mistake(
                    f"{key[0]}/{key[1]} is the measurement of the group on line {first.line} too;"
                    " give one of them another measurement or thing"
                )

    def _buses(self, kind: AdapterKind, settings: dict[str, dict[str, Any]]) -> Iterator[Bus]:
        by_name: dict[str, list[GroupRecord]] = {}
        for record in self._records:
            by_name.setdefault(self._connection_of(record, kind, settings), []).append(record)
        owners: dict[str, str] = {}
        for name, records in by_name.items():
            if name in settings or "://" in name or kind.default_connection is not None:
                chosen = settings.get(name)
                if chosen is None:
                    chosen = {"url": name} if "://" in name else dict(kind.default_connection or {})
                groups = tuple(record.group for record in records)
                line = self._lines.get(name, records[0].line)
                self._check_line(kind.line_of(chosen), name, line, owners)
                yield Bus(
                    name=name,
                    settings=self._with_files(kind, chosen),
                    groups=groups,
                    file=self._path.name,
                    line=line,
                )
        for name in sorted(set(settings) - set(by_name)):
            if not self._mistakes and name not in self._over:
                self._mistakes.add(self._path.name, 0, f"connection {name} has no group")

    def _check_line(self, of: str, name: str, line: int, owners: dict[str, str]) -> None:
        """Tell of two connections that would be in each other's way."""
        if of and (owner := owners.setdefault(of, name)) != name:
            self._mistakes.add(
                self._path.name, line,
                f"connection {name} has {of}, as {owner} has: only one can, put its groups there",
            )  # fmt: skip

    def _with_files(self, kind: AdapterKind, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings with the files found that lie beside the tag map."""
        found = dict(settings)
        for name in kind.file_settings & set(settings):
            parts = [part.strip() for part in str(settings[name]).split(",")]
            found[name] = ",".join(
                str(beside)
                if not Path(part).exists() and (beside := self._path.parent / part).exists()
                else part
                for part in parts
            )
        return found

    def _connection_of(
        self, record: GroupRecord, kind: AdapterKind, settings: dict[str, dict[str, Any]]
    ) -> str:
        name = record.connection
        if not name and len(settings) == 1:
            return next(iter(settings))
        if not name and not settings and kind.default_connection is not None:
            return kind.name
        if name not in settings and "://" not in name:
            known = ", ".join(settings) or "none"
            record.mistake(f"has connection {name!r}; there are: {known}")
        return name
