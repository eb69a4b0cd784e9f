"""The VMs that the firmware is measured on: the tests' of 64 bits, and one of an ESP32's 32.

That is Debian's package for i386. It is unpacked beside the peers, with the libraries it needs, and
run from there: nothing is installed, nobody need be root, and this machine's own packages stay as
they are. apt fetches and verifies it from the mirror that this machine is configured for, with
lists of its own. Of Debian's branches only `unstable` has it, so the version is whatever is there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers import PEERS, PeerMissingError
from tests.firmware import vm
from tidectl.firmware_image import FIRMWARE, compiled_text

_RUN_S_MAX = 300
_APT = """\
APT::Architecture "i386";
APT::Architectures "i386";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
"""
# No shell, which would sort the environment: where a variable stands is where the flash is mapped.
_PROGRAM = """\
#!{python} -IS
import os, sys
lib = "{root}/usr/lib/i386-linux-gnu"
program = [lib + "/ld-linux.so.2", "--library-path", lib, "{root}/usr/bin/micropython"]
os.execv(program[0], program + sys.argv[1:])
"""
# A board's VM has this frozen in; Debian leaves out what is not in MicroPython's own repository.
_SSL = """\
import tls
from tls import *


class SSLContext:
    def __init__(self, protocol):
        self._context = tls.SSLContext(protocol)
        self._context.verify_mode = CERT_NONE

    @property
    def verify_mode(self):
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._context.verify_mode = mode

    def load_cert_chain(self, certificate, key):
        self._context.load_cert_chain(certificate, key)

    def load_verify_locations(self, cafile=None, cadata=None):
        self._context.load_verify_locations(cadata)

    def wrap_socket(
        self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None
    ):
        return self._context.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            server_hostname=server_hostname,
        )
"""


@dataclass(frozen=True, slots=True)
class Vm:
    """A MicroPython to run the firmware on, as `tests.firmware.vm` and SimulatedBoard take it."""

    program: Path
    version: str
    modules: Path | None = None
    stand_ins: Path = FIRMWARE / "sim"


def own_vm() -> Vm:
    """Return the VM of the tests, of 64 bits."""
    return Vm(vm.MICROPYTHON, _version(vm.MICROPYTHON))


def small_vm(folder: Path) -> Vm:
    """Return the VM of 32 bits, unpacked if need be; raises `PeerMissingError`.

    In `folder` it gets the modules and stand-ins of the tests, and what it lacks.
    """
    program = PEERS / "micropython-i386/micropython"
    try:
        if not program.exists():
            _unpack(program.parent)
        program.write_text(_PROGRAM.format(python=sys.executable, root=program.parent))
        program.chmod(0o755)
        version = _version(program)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or error
        raise PeerMissingError(f"no MicroPython of 32 bits: {told}".strip()) from error
    modules, stand_ins = folder / "modules", folder / "sim"
    shutil.copytree(vm.library().name, modules)
    (modules / "ssl.mpy").write_bytes(compiled_text(_SSL, "ssl"))
    shutil.copytree(FIRMWARE / "sim", stand_ins)
    (stand_ins / "ssl.py").write_text(_SSL)
    return Vm(program, version, modules, stand_ins)


def _unpack(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="tidegauge-apt") as name:
        apt = Path(name)
        for made in ("lists/partial", "archives/partial"):
            (apt / made).mkdir(parents=True)
        (apt / "status").touch()
        (apt / "apt.conf").write_text(_APT.format(folder=apt))
        (apt / "sources.list").write_text(f"deb [arch=i386] {_mirror()} unstable main\n")
        _output("apt-get", "-qq", "update", configured=apt)
        _output("apt-get", "-qq", "-y", "--download-only", "install", "micropython", configured=apt)
        for package in sorted((apt / "archives").glob("*.deb")):
            _output("dpkg-deb", "-x", str(package), str(folder))


def _mirror() -> str:
    """Return where this machine has Debian from."""
    sites = _output("apt-get", "indextargets", "--format", "$(SITE)").split()
    for site in sites:
        if site.rstrip("/").endswith("/debian"):
            return site
    raise OSError("this machine's apt has no mirror of Debian")


def _version(program: Path) -> str:
    """Return MicroPython's; fails where the machine runs no such programs."""
    script = "import sys; print('.'.join(map(str, sys.implementation.version[:3])))"
    return _output(str(program), "-c", script).strip()


def _output(*command: str, configured: Path | None = None) -> str:
    environment = dict(os.environ)
    if configured:
        environment["APT_CONFIG"] = str(configured / "apt.conf")
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=_RUN_S_MAX, env=environment
    ).stdout
