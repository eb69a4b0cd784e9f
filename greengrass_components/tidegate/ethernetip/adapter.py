"""EtherNet/IP as the poller sees it: tags of a Logix controller, many in one packet.

Works with ControlLogix, CompactLogix and Micro800. Addresses are tags as the controller has them:
`tank_level_m`, `Motors[3].Speed`, `Program:Main.Step`. The list of tags is read when connecting,
and again while a tag is not in it, with growing pauses: one that is added later is found.
pycomm3 blocks, so it has a thread of its own. Bounded: one request at a time.
"""

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import Any, TypeVar

from pycomm3.exceptions import PycommError

from tidegate.adapter import Deliver
from tidegate.breaker import Breaker
from tidegate.ethernetip.driver import TagDriver
from tidegate.ethernetip.errors import EthernetIpDownError, EthernetIpError
from tidegate.ethernetip.settings import EthernetIpSettings
from tidegate.ethernetip.text import check_text
from tidegate.float32 import shortest
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample, Value
from tidegate.tag import Tag

log = logging.getLogger("tidegate.ethernetip")
# It tells of every message, and of a tag that is not there with a traceback each time.
logging.getLogger("pycomm3").setLevel(logging.CRITICAL)

_T = TypeVar("_T")
_ADDRESS = re.compile(
    r"(?:Program:\w+\.)?[A-Za-z_]\w*(?:\[\d+(?:,\d+){0,2}\])?(?:\.\w+(?:\[\d+\])?)*"
)
_TAGS_PER_PACKET = 200  # of 4,000 bytes, by instance: a request takes some 12, an answer 8 to 10
LIST_AGAIN_S_MIN, LIST_AGAIN_S_MAX = 10.0, 600.0  # a list of 10,000 tags takes about a second
# Of a tag that is not in the list, or no longer in the controller; pycomm3 tells it as text only.
_ABSENT = ("doesn't exist", "failed to get tag data", "(04, ", "(05, ")
_WHOLE = ("SINT", "INT", "DINT", "LINT", "USINT", "UINT", "UDINT", "ULINT")


def check_address(text: str) -> None:
    """Raise `EthernetIpError` for what can't be a tag."""
    if not _ADDRESS.fullmatch(text):
        raise EthernetIpError(f"{text!r} is no tag, as in tank_level_m or Motors[3].Speed")


class EthernetIpAdapter:
    """The adapter of one controller; `requests` counts readings."""

    def __init__(
        self,
        settings: EthernetIpSettings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests = self.unknown_tags = 0
        self._settings, self._clock_ns, self._clock_s = settings, clock_ns, clock_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ethernetip")
        self._driver: Any = None
        self._told: set[str] = set()  # tags that this connection could not have
        self._absent: set[str] = set()  # those of them that the controller does not have
        dice = random.Random()  # noqa: S311  spread, no secret
        self._list_pause = Breaker(dice, min_s=LIST_AGAIN_S_MIN, max_s=LIST_AGAIN_S_MAX)

    async def connect(self) -> None:
        """Connect, and read the list of tags; raises `EthernetIpDownError`."""
        await self.close()
        settings = self._settings
        driver = TagDriver(f"{settings.host}:{settings.port}/{settings.slot}")
        driver.socket_timeout = settings.timeout_ms / 1000
        try:
            opened = await self._blocking(driver.open)
        except (PycommError, OSError) as error:
            await self._let_go(driver)
            raise EthernetIpDownError(
                f"can't connect to {settings.host}:{settings.port} slot {settings.slot}: "
                f"{_why(error)}"
            ) from error
        if not opened:
            await self._let_go(driver)
            raise EthernetIpDownError(f"{settings.host} opens no session")
        self._driver = driver
        self._told.clear()
        self._absent.clear()
        self._begin_pause()

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        driver, self._driver = self._driver, None
        if driver:
            await self._let_go(driver)

    def plan(self, group: Group) -> Sequence[str]:
        """Return a line for each packet, about; raises `EthernetIpError` for a wrong address."""
        for tag in group.tags:
            check_address(tag.address)
        count = len(group.tags)
        return [
            f"read tags {start + 1} to {min(start + _TAGS_PER_PACKET, count)}"
            for start in range(0, count, _TAGS_PER_PACKET)
        ]

    async def poll(self, group: Group) -> Sample:
        """Read the group; raises `EthernetIpDownError` when the controller does not answer."""
        driver = self._connected()
        if self._absent and self._list_pause.may_try(self._clock_s()):
            await self._list_again(driver)
        self.requests += 1
        began_ns = self._clock_ns()
        try:
            found = await self._blocking(lambda: driver.read(*(t.address for t in group.tags)))
        except (PycommError, OSError) as error:
            await self.close()
            raise EthernetIpDownError(
                f"no answer from {self._settings.host}: {_why(error)}"
            ) from error
        ended_ns = self._clock_ns()
        results = found if isinstance(found, list) else [found]
        if all(one.error for one in results) and not driver.connected:
            await self.close()
            raise EthernetIpDownError(f"{self._settings.host} has ended the connection")
        for tag, one in zip(group.tags, results, strict=True):
            if one.error:
                self._tell(tag, one.error)
            elif tag.address in self._told:
                self._tell_back(tag)
        values = tuple(_value(tag, one) for tag, one in zip(group.tags, results, strict=True))
        qualities = bytes(Quality.BAD if value is None else Quality.GOOD for value in values)
        middle_ns = (began_ns + ended_ns) // 2
        return Sample(group, middle_ns, ended_ns, values, qualities if any(qualities) else None)

    async def _list_again(self, driver: Any) -> None:
        self._list_pause.fail(self._clock_s())
        try:
            await self._blocking(lambda: driver.get_tag_list(program="*"))
        except (PycommError, OSError) as error:
            await self.close()  # an answer that comes late would be taken for the next one's
            raise EthernetIpDownError(
                f"can't read the tags of {self._settings.host}: {_why(error)}"
            ) from error

    def _begin_pause(self) -> None:
        """Have the shortest pause next: the list is new, or was worth reading."""
        self._list_pause.succeed()
        self._list_pause.fail(self._clock_s())

    def _tell_back(self, tag: Tag) -> None:
        """Log that a tag can be had again."""
        self._told.discard(tag.address)
        if tag.address in self._absent:
            self._absent.discard(tag.address)
            self._begin_pause()
        log.info("tag %s has a value", tag.address)

    def _tell(self, tag: Tag, error: str) -> None:
        """Count a tag that can't be had, and log it once a connection."""
        self.unknown_tags += 1
        if any(text in error for text in _ABSENT):
            self._absent.add(tag.address)
        if tag.address not in self._told:
            self._told.add(tag.address)
            log.warning("no value of tag %s: %s", tag.address, error)

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:  # noqa: ARG002  the protocol's
        """Raise `EthernetIpError`: tags are polled."""
        raise EthernetIpError("a controller tells no changes of its tags: poll it")

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write a field's value, unscaled, in the tag's own type; raises `EthernetIpError`."""
        driver = self._connected()
        wanted = group.tag_to_write(tag, value)
        raw: Any = wanted.unscaled(value)
        facts = driver.facts_of(wanted.address)
        kind = facts.get("data_type_name", "")
        if isinstance(raw, str):
            check_text(tag, raw, facts)
        elif kind in _WHOLE:
            if int(raw) != raw:
                raise EthernetIpError(f"{tag} is {kind}: it takes whole numbers, not {raw}")
            raw = int(raw)
        try:
            done = await self._blocking(lambda: driver.write((wanted.address, raw)))
        except (PycommError, OSError) as error:
            await self.close()
            raise EthernetIpDownError(f"can't write {value!r} to {tag}: {_why(error)}") from error
        if done.error:
            raise EthernetIpError(f"can't write {value!r} to {tag}: {done.error}")

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        return {"requests": self.requests, "unknown_tags": self.unknown_tags}

    def _connected(self) -> Any:
        if self._driver is None:
            raise EthernetIpDownError(f"not connected to {self._settings.host}")
        return self._driver

    async def _blocking(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _let_go(self, driver: Any) -> None:
        with contextlib.suppress(PycommError, OSError):  # it is gone anyway
            await self._blocking(driver.close)


def _value(tag: Tag, result: Any) -> Value:
    """Return a result's value, scaled; None for errors, structures and whole arrays."""
    value: Value = result.value
    if result.error or not isinstance(value, bool | int | float | str):
        return None
    if isinstance(value, float):
        if not isfinite(value):
            return None
        value = shortest(value) if result.type == "REAL" else value
    return tag.meant(value)


def _why(error: BaseException) -> str:
    """Return the cause at the bottom: pycomm3 says "failed to open a connection" of everything."""
    while error.__cause__:
        error = error.__cause__
    return str(error) or type(error).__name__
