"""The adapter of this machine reads what is there, and says of the rest that it is not."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tidegate.group import Group
from tidegate.host.adapter import HostAdapter, HostError
from tidegate.quality import Quality
from tidegate.tag import Tag


def group(*addresses: str) -> Group:
    tags = tuple(Tag(field=f"f{i}", address=address) for i, address in enumerate(addresses))
    return Group(thing="gw", measurement="host", tags=tags)


def test_it_reads_plain_fields_parts_and_scales(tmp_path: Path) -> None:
    nic = next(iter(psutil.net_io_counters(pernic=True)))
    addresses = (
        "memory_used_percent", "uptime_s", f"disk_free_bytes@{tmp_path}",
        f"network_received_bytes@{nic}", "cpu_percent@0",
    )  # fmt: skip
    sample = asyncio.run(HostAdapter().poll(group(*addresses)))
    assert sample.qualities is None
    memory, uptime, free, received, cpu = (float(v or 0) for v in sample.values)
    assert 0 < memory < 100
    assert uptime > 0
    assert free > 0
    assert received >= 0
    assert 0 <= cpu <= 100
    scaled = Group(
        thing="gw", measurement="host",
        tags=(Tag(field="free_mb", address="memory_available_bytes", scale=1e-6),),
    )  # fmt: skip
    (free_mb,) = asyncio.run(HostAdapter().poll(scaled)).values
    assert isinstance(free_mb, float)
    assert free_mb < psutil.virtual_memory().total / 1e6


def test_what_the_machine_does_not_have_is_bad() -> None:
    addresses = ("disk_free_bytes@/nowhere", "cpu_percent@999", "cpu_percent@x",
                 "network_sent_bytes@none0", "nonsense", "cpu_percent")  # fmt: skip
    sample = asyncio.run(HostAdapter().poll(group(*addresses)))
    assert sample.qualities == bytes([Quality.BAD] * 5 + [Quality.GOOD])
    assert sample.values[:5] == (None,) * 5


def test_the_instant_is_between_request_and_answer() -> None:
    instants = iter([100, 300])
    sample = asyncio.run(HostAdapter(lambda: next(instants)).poll(group("cpu_percent")))
    assert (sample.at_ns, sample.received_at_ns) == (200, 300)


def test_a_part_of_what_has_none_and_a_write_are_refused() -> None:
    adapter = HostAdapter()
    assert adapter.plan(group("cpu_percent@0")) == ["read 1 values of this machine"]
    with pytest.raises(HostError, match="uptime_s has no parts"):
        adapter.plan(group("uptime_s@0"))
    with pytest.raises(HostError, match="can't be written"):
        asyncio.run(adapter.write(group("cpu_percent"), "f0", 1))
