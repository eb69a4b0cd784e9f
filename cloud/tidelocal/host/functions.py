"""MiniStack's functions: what they write goes to us as they write it."""

from collections.abc import Callable
from typing import Any

from tidelocal.host.modules import Modules


class HostedFunctions:
    """Functions and their event source mappings."""

    def __init__(self, m: Modules) -> None:
        self._lambda, self._runtime = m["lambda_svc"], m["lambda_runtime"]

    def stop(self) -> None:
        """End the workers: call it in a thread."""
        self._runtime.reset()

    def mappings(self) -> list[dict[str, Any]]:
        """Return the event source mappings (API shape, with `Enabled`)."""
        return list(self._lambda._esms._data.values())

    def log_to(self, write: Callable[[str, str], None]) -> None:
        """Send each line that a function writes, as it writes it, to `write(function, line)`."""

        def read_stderr(worker: Any) -> None:
            for line in worker._proc.stderr:
                write(worker.func_name, line.rstrip("\n"))

        def report(
            func: dict[str, Any],
            request_id: str,
            log_text: str,
            error: bool,
            duration_ms: int,
            *,
            log_source: str | None = None,
        ) -> None:
            del log_source
            name = (func.get("config") or func).get("FunctionName", "?")
            if error:
                for line in log_text.splitlines():
                    write(name, line)
            outcome = "failed" if error else "ok"
            write(name, f"REPORT request={request_id} outcome={outcome} duration_ms={duration_ms}")

        self._runtime.Worker._read_stderr = read_stderr
        # Waiting for lines that go elsewhere costs every invocation 50 ms.
        self._runtime.Worker._drain_stderr_bounded = lambda _worker, **_waits: ""
        self._lambda._emit_lambda_logs = report
