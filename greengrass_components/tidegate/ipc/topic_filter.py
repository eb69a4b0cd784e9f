"""Which topics an MQTT topic filter takes, and which resources a policy of a recipe."""

import re
from functools import lru_cache

_ESCAPES = {"${*}": r"\*", "${?}": r"\?", "${$}": r"\$", "${+}": r"\+", "${#}": r"\#"}
_PATTERN_MAX = 4096  # patterns kept compiled; a gateway has some dozens
_TOKEN = re.compile(r"\$\{[*?$+#]\}|.", re.DOTALL)


def takes(topic_filter: str, topic: str) -> bool:
    """Return whether a subscription of `topic_filter` gets messages of `topic` (MQTT 4.7)."""
    if topic_filter == topic:
        return True
    levels, want = topic.split("/"), topic_filter.split("/")
    if topic.startswith("$") and want[0] in ("#", "+"):
        return False
    for position, level in enumerate(want):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(want) == len(levels)


def covers(resource: str, topic: str) -> bool:
    """Return whether a policy's `resource` covers a topic or topic filter.

    `*` stands for any text, `+` for one level, a `#` at the end for all that follow; `${*}` is
    a star. Source: "Authorize components to perform IPC operations".
    """
    return resource in ("*", topic) or _pattern(resource).fullmatch(topic) is not None


@lru_cache(maxsize=_PATTERN_MAX)
def _pattern(resource: str) -> re.Pattern[str]:
    parts: list[str] = []
    for match in _TOKEN.finditer(resource):
        mark, start, end = match[0], match.start(), match.end()
        before_ok = start == 0 or resource[start - 1] == "/"
        if mark in _ESCAPES:
            parts.append(_ESCAPES[mark])
        elif mark == "*":
            parts.append(".*")
        elif mark == "+" and before_ok and resource[end : end + 1] in ("", "/"):
            parts.append("[^/]*")
        elif mark == "#" and before_ok and end == len(resource):
            if parts and parts[-1] == "/":
                parts[-1] = "(?:/.*)?"  # `a/#` takes `a` as well
            else:
                parts.append(".*")
        else:
            parts.append(re.escape(mark))
    return re.compile("".join(parts), re.DOTALL)
