"""YAML that remembers on which line each thing stands, for mistakes that say where.

Maps come as `LinedMap`, lists as `LinedList`: plain ones with the lines (from 1) beside. Built from
events, since a tree of nodes for ten thousand tags takes more memory than all else of a gateway.
"""

from typing import Any

import yaml

from tidegate.errors import GateError

DEPTH_MAX = 32
VALUES_MAX = 500_000  # aliases counted as what they stand for
_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
# libyaml's is ten times as fast; not every platform's wheel has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(GateError):
    """The text is no YAML; `line` says where it ceases to be."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class LinedMap(dict[str, Any]):
    """`line` is the map's own, `lines` those of keys that stand on another."""

    __slots__ = ("doubled", "line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] | None = None
        self.doubled: tuple[tuple[str, int], ...] = ()

    def put(self, key: str, value: Any, line: int) -> None:
        """Set a key that stands on `line`."""
        if key in self:
            self.doubled += ((key, line),)
        self[key] = value
        if line != self.line:
            self.lines = self.lines or {}
            self.lines[key] = line

    def line_of(self, key: str) -> int:
        """Return the line of a key, the map's own where it is not there."""
        return self.lines.get(key, self.line) if self.lines else self.line


class LinedList(list[Any]):
    """`lines` are those of the items."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def load(text: str) -> Any:
    """Return what `text` says; raises `YamlError`."""
    loader: Any = None
    try:
        loader = _Loader(text)
        loader.get_event()  # the stream begins
        if isinstance(loader.get_event(), yaml.StreamEndEvent):
            return None
        value = _Builder(loader).value(loader.get_event(), DEPTH_MAX)
        loader.get_event()  # the document ends
        if not isinstance(more := loader.get_event(), yaml.StreamEndEvent):
            raise YamlError(more.start_mark.line + 1, "has a second document")
        return value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlError(line, f"is no YAML: {error.problem or error.context}") from error
    # A tag of YAML on what is none of its kind raises anything inside the library.
    except (
        yaml.YAMLError, ValueError, ArithmeticError, TypeError, LookupError, AttributeError
    ) as error:  # fmt: skip
        raise YamlError(1, f"is no YAML: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Builds values out of a loader's events."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._anchors: dict[str, Any] = {}
        self._values = 0

    def value(self, event: Any, depth: int) -> Any:
        """Return the value that begins with `event`."""
        line = event.start_mark.line + 1
        if depth == 0:
            raise YamlError(line, f"is nested deeper than {DEPTH_MAX}")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(line, f"is no YAML: there is no anchor {event.anchor}")
            return self._copied(self._anchors[event.anchor], line)
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self._map(line, depth - 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(depth - 1)
        else:
            value = self._scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _copied(self, value: Any, line: int) -> Any:
        """Return another of it: whoever reads a map may take it apart."""
        self._values += 1
        if self._values > VALUES_MAX:
            raise YamlError(line, f"has more than {VALUES_MAX:,} values")
        if isinstance(value, LinedMap):
            lined = LinedMap(value.line)
            lined.update((key, self._copied(one, line)) for key, one in value.items())
            lined.lines, lined.doubled = value.lines, value.doubled
            return lined
        if isinstance(value, LinedList):
            listed = LinedList()
            listed.extend(self._copied(one, line) for one in value)
            listed.lines = value.lines
            return listed
        return value

    def _map(self, line: int, depth: int) -> LinedMap:
        lined = LinedMap(line)
        merged: list[LinedMap] = []
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            key_line = event.start_mark.line + 1
            is_merge = isinstance(event, yaml.ScalarEvent) and self._tag(event) == _MERGE
            key = "<<" if is_merge else str(self.value(event, depth))
            value = self.value(self._loader.get_event(), depth)
            if is_merge:
                merged += value if isinstance(value, LinedList) else [value]
            else:
                lined.put(key, value, key_line)
        for one in merged:
            if not isinstance(one, LinedMap):
                raise YamlError(line, "is no YAML: << takes maps")
            for key, value in one.items():
                lined.setdefault(key, value)
        return lined

    def _list(self, depth: int) -> LinedList:
        listed = LinedList()
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            listed.lines.append(event.start_mark.line + 1)
            listed.append(self.value(event, depth))
        return listed

    def _tag(self, event: Any) -> str:
        if event.tag not in (None, "!"):
            return str(event.tag)
        return str(self._loader.resolve(yaml.ScalarNode, event.value, event.implicit))

    def _scalar(self, event: Any) -> Any:
        tag = self._tag(event)
        if tag == _STR:
            return event.value
        construct = self._loader.yaml_constructors.get(tag)
        if construct is None:
            raise YamlError(event.start_mark.line + 1, f"is no YAML: what is {tag}?")
        return construct(
            self._loader, yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        )
