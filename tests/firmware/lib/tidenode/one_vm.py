"""Run a case of `uplink_run.py`: the real link and uplink in one VM on a board's heap."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.firmware import vm
from tests.firmware.lib.tidenode.bench import Bench

SCRIPT = Path(__file__).parent / "uplink_run.py"


def run(bench: Bench, case: str, **arguments: Any) -> Any:
    """Return what `case` prints; the board's identity is what the bench has."""
    save_identity(bench)
    return vm.run(SCRIPT, str(bench.folder), json.dumps({"case": case} | arguments))


def save_identity(bench: Bench) -> None:
    """Put what the bench's board has for TLS into its folder, as files of DER."""
    for name, data in (
        ("certificate", bench.thing.certificate_der()),
        ("key", bench.thing.key_der()),
        ("root", bench.authority.certificate_der()),
    ):
        (bench.folder / f"{name}.der").write_bytes(data)


@contextmanager
def beside(bench: Bench, case: str, **arguments: Any) -> Iterator[Future[Any]]:
    """Run `case` while the block does something else."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run, bench, case, **arguments)
