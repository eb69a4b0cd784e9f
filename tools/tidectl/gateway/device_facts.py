"""What a device is, before anything is sent to it: system, Python, nucleus."""

from dataclasses import dataclass

from tidectl.errors import TidectlError
from tidectl.gateway.device_shell import DeviceShell
from tidectl.gateway.wheel_house import PLATFORMS, Device

CLASSIC_CLI = "/greengrass/v2/bin/greengrass-cli"
# Each line is a fact; nothing is changed on the device.
_LOOK = f"""
echo "machine=$(uname -m)"
echo "bits=$(getconf LONG_BIT)"
echo "system=$(. /etc/os-release 2>/dev/null; echo "$PRETTY_NAME")"
[ -e /etc/rpi-issue ] && echo "raspberry_pi_os=yes"
echo "python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
python3 -c 'import venv' 2>/dev/null && echo "venv=yes"
sudo -n true 2>/dev/null && echo "sudo=yes"
sudo -n test -x {CLASSIC_CLI} 2>/dev/null && echo "classic=yes"
command -v ggl-cli >/dev/null 2>&1 && echo "lite=yes"
exit 0
"""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device that components can be deployed to."""

    system: str
    device: Device
    nucleus: str


def look(shell: DeviceShell, nucleus: str | None = None) -> DeviceFacts:
    """Return what the device is; raises `TidectlError` with the one thing to do next."""
    done = shell.script(_LOOK)
    pairs = (line.partition("=") for line in done.out.splitlines() if "=" in line)
    facts = {name: value.strip() for name, _, value in pairs}
    system = facts.get("system", "")
    if facts.get("raspberry_pi_os"):
        system = f"Raspberry Pi OS ({system})"
    host = shell.host
    if not facts.get("python"):
        raise TidectlError(f"{host} has no python3", f"ssh {host} sudo apt-get install -y python3")
    if not facts.get("venv"):
        raise TidectlError(
            f"{host} ({system}) can't make virtual environments, and its own Python takes no "
            "packages (PEP 668)",
            f"ssh {host} sudo apt-get install -y python3-venv",
        )
    if not facts.get("sudo"):
        raise TidectlError(
            f"{host}: sudo asks for a password", "allow it for this user without one (NOPASSWD)"
        )
    machine = _machine(facts)
    if machine not in PLATFORMS:
        raise TidectlError(f"{host} is a {machine}", f"components run on {', '.join(PLATFORMS)}")
    return DeviceFacts(system, Device(machine, facts["python"]), _nucleus(host, facts, nucleus))


def _machine(facts: dict[str, str]) -> str:
    machine = facts.get("machine", "")
    if machine == "aarch64" and facts.get("bits") == "32":
        return "armv7l"  # Raspberry Pi OS of 32 bits has a kernel of 64
    return "armv7l" if machine in ("armv6l", "armv8l") else machine


def _nucleus(host: str, facts: dict[str, str], wanted: str | None) -> str:
    found = [name for name in ("classic", "lite") if facts.get(name)]
    if wanted and wanted not in found:
        raise TidectlError(f"{host} has no nucleus {wanted}", f"it has {found or 'none'}")
    if not found:
        raise TidectlError(
            f"{host} has neither {CLASSIC_CLI} nor ggl-cli",
            "install a nucleus (tidectl gateway provision says how); the classic one needs the "
            "component aws.greengrass.Cli",
        )
    if len(found) > 1 and not wanted:
        raise TidectlError(f"{host} has both nuclei", "choose one: --nucleus")
    return wanted or found[0]
