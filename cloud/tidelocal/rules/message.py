"""One message as a rule's expressions see it."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson


class Undefined:
    """The value of what is not there: left out of objects, empty in text, true for nothing."""

    def __repr__(self) -> str:
        return "Undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()
Value = Any  # int | float | bool | str | list | dict | None | bytes | Undefined


@dataclass(slots=True)
class Message:
    """What was published, by whom and when; `document` decodes the payload on first use."""

    topic: str
    payload: bytes
    client: str | None
    principal: str | None
    trace_id: str
    source_ip: str
    account: str
    region: str
    received_at_ms: int
    _document: Value = field(default=None, init=False)
    _decoded: bool = field(default=False, init=False)

    @property
    def document(self) -> Value:
        """The JSON of the payload; `UNDEFINED` when it is something else."""
        if not self._decoded:
            self._decoded = True
            try:
                self._document = orjson.loads(self.payload)
            except orjson.JSONDecodeError:
                self._document = UNDEFINED
        return self._document
