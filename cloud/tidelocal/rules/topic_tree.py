"""Find the rules of a topic without asking each rule."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tidelocal.rules.errors import RuleRefusedError

Item = TypeVar("Item")
# AWS keeps these from filters that begin with a wildcard.
_HIDDEN = "$aws/events/"
TOPIC_BYTES_MAX = 256


@dataclass(slots=True)
class _Level(Generic[Item]):
    below: dict[str, "_Level[Item]"] = field(default_factory=dict)
    here: list[Item] = field(default_factory=list)
    rest: list[Item] = field(default_factory=list)  # of a filter that ends here with `#`


class TopicTree(Generic[Item]):
    """Items by topic filter; `a/#` does not match `a`, as rules have it on AWS."""

    def __init__(self) -> None:
        self._root: _Level[Item] = _Level()

    def add(self, topic_filter: str, item: Item) -> None:
        """Put `item` under a filter that `check_filter` accepts."""
        level = self._root
        for name in topic_filter.split("/"):
            if name == "#":
                level.rest.append(item)
                return
            level = level.below.setdefault(name, _Level())
        level.here.append(item)

    def match(self, topic: str) -> Iterator[Item]:
        """Yield what stands under the filters of `topic`."""
        hidden = topic.startswith(_HIDDEN)
        levels = [self._root]
        for name in topic.split("/"):
            found = []
            for level in levels:
                wild = not (hidden and level is self._root)
                if wild:
                    yield from level.rest
                if name in level.below:
                    found.append(level.below[name])
                if wild and "+" in level.below:
                    found.append(level.below["+"])
            levels = found
        for level in levels:
            yield from level.here


def check_filter(topic_filter: str) -> None:
    """Raise `RuleRefusedError` for what is not an MQTT topic filter."""
    levels = topic_filter.split("/")
    if not topic_filter or len(topic_filter.encode()) > TOPIC_BYTES_MAX:
        raise RuleRefusedError(f"FROM {topic_filter!r}: a filter has 1 to {TOPIC_BYTES_MAX} bytes")
    for at, level in enumerate(levels):
        if ("#" in level and (level != "#" or at != len(levels) - 1)) or (
            "+" in level and level != "+"
        ):
            raise RuleRefusedError(
                f"FROM {topic_filter!r}: a wildcard fills its level, and # is the last"
            )
