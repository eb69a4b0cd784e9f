"""YAML that remembers on which line each thing stands, for mistakes that say where.

Maps come as `LinedMap`, lists as `LinedList`: plain ones with the lines (from 1) beside.
"""

from typing import Any

import yaml

from tidegate.errors import GateError

DEPTH_MAX = 32
# libyaml's is ten times as fast; not every platform's wheel has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(GateError):
    """The text is no YAML; `line` says where it ceases to be."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class LinedMap(dict[str, Any]):
    """`line` is the map's own, `lines` those of its keys."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.doubled: list[tuple[str, int]] = []

    def line_of(self, key: str) -> int:
        """Return the line of a key, the map's own where it is not there."""
        return self.lines.get(key, self.line)


class LinedList(list[Any]):
    """`lines` are those of the items."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def load(text: str) -> Any:
    """Return what `text` says; raises `YamlError`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, DEPTH_MAX)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlError(line, f"is no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(1, f"is no YAML: {error}") from error
    finally:
        loader.dispose()


def _value(loader: yaml.SafeLoader, node: yaml.Node, depth: int) -> Any:
    line = node.start_mark.line + 1
    if depth == 0:
        raise YamlError(line, f"is nested deeper than {DEPTH_MAX}")
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        lined = LinedMap(line)
        for key_node, value_node in node.value:
            key = str(_value(loader, key_node, depth - 1))
            if key in lined:
                lined.doubled.append((key, key_node.start_mark.line + 1))
            lined[key] = _value(loader, value_node, depth - 1)
            lined.lines[key] = key_node.start_mark.line + 1
        return lined
    if isinstance(node, yaml.SequenceNode):
        listed = LinedList()
        for item in node.value:
            listed.append(_value(loader, item, depth - 1))
            listed.lines.append(item.start_mark.line + 1)
        return listed
    return loader.construct_object(node)
