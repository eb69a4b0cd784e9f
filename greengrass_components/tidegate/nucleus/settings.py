"""What a local nucleus is told: `nucleus.json` in its root, written by `tidectl gateway up`.

A root holds, as a device's does: `recipes/`, `artifacts/<component>/<version>/`,
`artifacts-unarchived/`, `work/<component>/`, `logs/<component>.log`, `config.json` and, while it
runs, `running.json`.
"""

import json
import tempfile
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from tidegate.ipc.limits import BY_NAME, Limits
from tidegate.nucleus.errors import NucleusError

# sockaddr_un.sun_path on Linux, with its zero.
SOCKET_PATH_BYTES_MAX = 107


@dataclass(frozen=True, slots=True)
class Settings:
    """Which thing this gateway is, and where its cloud is.

    Without `mqtt_host` there is no cloud: what goes to IoT Core fails or is spooled. `device_url`
    is where devices, by certificate, get credentials and deployments (ports 443 and 8443 of
    AWS). `aws_url` is the endpoint that components use instead of AWS's.
    """

    root: Path
    nucleus: str = "classic"
    thing: str = ""
    region: str = "us-east-1"
    certificate_path: str = ""
    key_path: str = ""
    root_ca_path: str = ""
    mqtt_host: str = ""
    mqtt_port: int = 8883
    device_url: str = ""
    role_alias: str = ""
    aws_url: str = ""
    # Whose `python3` the scripts of recipes find first: a virtual environment's, on a laptop.
    path_prefix: str = ""

    @property
    def limits(self) -> Limits:
        """What this kind of nucleus takes."""
        return BY_NAME[self.nucleus]

    @property
    def socket_path(self) -> Path:
        """Where components find the IPC socket; elsewhere when the root's path is too long."""
        path = self.root / ("gg-ipc.socket" if self.nucleus == "lite" else "ipc.socket")
        if len(str(path).encode()) <= SOCKET_PATH_BYTES_MAX:
            return path
        name = sha256(str(self.root).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tidegate-{name}.socket"

    def recipe_path(self, component: str, version: str) -> Path:
        """Where the recipe of a deployed version is kept."""
        return self.root / "recipes" / f"{component}-{version}.yaml"

    def artifacts(self, component: str, version: str) -> Path:
        """Where a version's artifacts are, read-only for the component."""
        return self.root / "artifacts" / component / version

    def decompressed(self, component: str, version: str) -> Path:
        """Where a version's zips are unpacked."""
        return self.root / "artifacts-unarchived" / component / version

    def work(self, component: str) -> Path:
        """The component's own folder, which versions share."""
        return self.root / "work" / component

    def log_path(self, component: str) -> Path:
        """What the component writes to standard output and error."""
        return self.root / "logs" / f"{component}.log"

    def save(self) -> None:
        """Write `nucleus.json`."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        document.pop("root")
        write_whole(self.root / "nucleus.json", json.dumps(document, indent=2).encode() + b"\n")


def load_settings(root: Path) -> Settings:
    """Return the settings in `root`; raises `NucleusError`."""
    path = root / "nucleus.json"
    try:
        document = json.loads(path.read_bytes())
        settings = Settings(root=root, **document)
    except (OSError, ValueError, TypeError) as error:
        raise NucleusError(f"{path} can't be read: {error}; see tidectl gateway up") from error
    if settings.nucleus not in BY_NAME:
        raise NucleusError(f"{path}: nucleus is {settings.nucleus}, not {' or '.join(BY_NAME)}")
    return settings


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file, whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.replace(path)
