"""A device reached by ssh: commands on it, folders to it.

Needs nothing there but ssh, sh and tar. Passwords are never asked for: keys and `sudo -n`.
"""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tidectl.errors import TidectlError

COMMAND_S_MAX = 120.0
COPY_S_MAX = 1_800.0  # a wheel house over a slow line
_SSH_FAILED = 255


@dataclass(frozen=True, slots=True)
class Done:
    """How a command on the device ended."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last thing it said."""
        lines = (self.err or self.out).strip().splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class DeviceShell:
    """`host` as ssh takes it; `ssh` is the command with its options."""

    host: str
    ssh: Sequence[str] = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")

    def run(self, words: Sequence[str], *, timeout_s: float = COMMAND_S_MAX) -> Done:
        """Run a command; raises `TidectlError` when the device can't be reached."""
        return self._start(shlex.join(words), None, timeout_s)

    def script(self, text: str) -> Done:
        """Run a shell script."""
        return self._start("sh -s", text.encode(), COMMAND_S_MAX)

    def copy(self, folder: Path, target: str) -> None:
        """Make `target` a copy of a local folder; raises `TidectlError`."""
        quoted = shlex.quote(target)
        unpack = f"rm -rf {quoted} && mkdir -p {quoted} && tar -C {quoted} -xf -"
        packer = subprocess.Popen(
            ["tar", "-C", str(folder), "-cf", "-", "."], stdout=subprocess.PIPE
        )
        try:
            done = subprocess.run(
                [*self.ssh, self.host, unpack],
                stdin=packer.stdout,
                capture_output=True,
                text=True,
                check=False,
                timeout=COPY_S_MAX,
            )
        except subprocess.TimeoutExpired:
            raise TidectlError(
                f"copying to {self.host} took more than {COPY_S_MAX:.0f} s", "see its network"
            ) from None
        finally:
            if packer.stdout:
                packer.stdout.close()
            packer.wait()
        if done.returncode or packer.returncode:
            reason = done.stderr.strip() or "tar failed"
            raise TidectlError(f"can't copy to {self.host}: {reason}", "see its disk and rights")

    def _start(self, command: str, data: bytes | None, timeout_s: float) -> Done:
        try:
            done = subprocess.run(
                [*self.ssh, self.host, command],
                input=data if data is not None else b"",
                capture_output=True,
                check=False,
                timeout=timeout_s,
            )
        except FileNotFoundError as error:
            raise TidectlError(f"there is no {self.ssh[0]}", "install an ssh client") from error
        except subprocess.TimeoutExpired:
            raise TidectlError(
                f"{self.host} does not answer within {timeout_s:.0f} s", f"ssh {self.host}"
            ) from None
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode == _SSH_FAILED:
            reason = err.strip().splitlines()[-1] if err.strip() else "no answer"
            raise TidectlError(
                f"{self.host} can't be reached: {reason}", f"does this work: ssh {self.host} true"
            )
        return Done(done.returncode, out, err)
