"""Has this machine the room, the ports and the clock that a local cloud needs?"""

import errno
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from tidectl.checks.check import Check, Verdict
from tidectl.home import Home
from tidectl.local_process import HTTP_PORT, MQTT_PORT, STORE_PORT, LocalProcess

DISK_BYTES_MIN, DISK_BYTES_GOOD = 200_000_000, 1_000_000_000  # the store, journals, images
MEMORY_BYTES_MIN, MEMORY_BYTES_GOOD = 400_000_000, 1_000_000_000  # a local cloud takes 350 MB
DOORS: Mapping[int, str] = {HTTP_PORT: "http", MQTT_PORT: "mqtt", STORE_PORT: "store"}
CLOCK_SLACK_S = 86_400.0  # files made elsewhere may carry another zone's time


def machine(home: Home) -> Iterator[Check]:
    """Look at disk, memory, ports and clock."""
    place = _existing(home.path)
    yield room_check(
        "disk", shutil.disk_usage(place).free, DISK_BYTES_MIN, DISK_BYTES_GOOD, f" free at {place}"
    )
    yield room_check(
        "memory", psutil.virtual_memory().available, MEMORY_BYTES_MIN, MEMORY_BYTES_GOOD, " free"
    )
    facts = LocalProcess(home).facts()
    own = {facts.http_port, facts.mqtt_port, facts.store_port} if facts else set[int]()
    for port in DOORS:
        yield port_check(port, is_own=port in own, is_free=is_port_free(port))
    yield clock_check(time.time(), _newest_source_s())


def room_check(name: str, free_bytes: int, least: int, good: int, where: str) -> Check:
    """Check how much of something is left."""
    found = f"{free_bytes / 1e9:.1f} GB{where}"
    if free_bytes >= good:
        return Check(name, Verdict.OK, found)
    verdict = Verdict.FAIL if free_bytes < least else Verdict.WARN
    mend = "end other programs" if name == "memory" else "free some space, or give another --home"
    return Check(name, verdict, f"{found}, {good / 1e9:.1f} GB is comfortable", mend)


def port_check(port: int, *, is_own: bool, is_free: bool) -> Check:
    """Check a default port; another program on it is no harm if ours takes another."""
    name = f"port {port}"
    if is_own:
        return Check(name, Verdict.OK, "our local cloud's")
    if is_free:
        return Check(name, Verdict.OK, "free")
    return Check(
        name, Verdict.WARN, "another program's", f"tidectl up --{DOORS[port]}-port 0  # any free"
    )


def is_port_free(port: int) -> bool:
    """Return whether the local cloud could listen on `port` of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
            door.listen(1)
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def clock_check(now_s: float, newest_source_s: float) -> Check:
    """Check that now is not before this program was written: certificates would not be valid."""
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    if now_s >= newest_source_s - CLOCK_SLACK_S:
        return Check("clock", Verdict.OK, found)
    return Check("clock", Verdict.FAIL, f"{found} is in the past", "sudo timedatectl set-ntp true")


def _newest_source_s() -> float:
    return max(path.stat().st_mtime for path in Path(__file__).parent.glob("*.py"))


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
