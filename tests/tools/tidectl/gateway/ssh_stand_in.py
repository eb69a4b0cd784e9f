"""A device on this machine: an `ssh` that runs commands here, and the nuclei's command lines.

The commands find `sudo`, `ggl-cli`, `systemctl` and `journalctl` in a folder of the device's own,
and `/greengrass/v2` below it. The stand-ins refuse what the real ones would.
"""

import os
import stat
import sys
from pathlib import Path

_SSH = """#!/bin/sh
# Called as: ssh HOST COMMAND
if [ "$1" = unreachable ]; then
    echo "ssh: connect to host unreachable port 22: timed out" >&2
    exit 255
fi
command=$(printf '%s' "$2" | sed "s#/greengrass/v2#@ROOT@/greengrass/v2#g" \\
    | sed "s#/tmp/tidegauge-deployment#@ROOT@/deployment#g")
export PATH="@ROOT@/bin:$PATH" DEVICE_ROOT="@ROOT@"
if [ "$command" = "sh -s" ]; then
    sed "s#/greengrass/v2#@ROOT@/greengrass/v2#g" | sh -s
else
    exec sh -c "$command"
fi
"""
_SUDO = '#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n'
_CLASSIC = """#!@PYTHON@
import json, os, sys, uuid
from pathlib import Path
root = Path(os.environ["DEVICE_ROOT"])
words = sys.argv[1:]
with (root / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if words[:2] == ["deployment", "create"]:
    options = dict(zip(words[2::2], words[3::2]))
    for merge in [words[n + 1] for n, word in enumerate(words) if word == "--merge"]:
        name, _, version = merge.partition("=")
        recipe = Path(options["--recipeDir"]) / f"{name}-{version}.yaml"
        artifacts = Path(options["--artifactDir"]) / name / version
        if not recipe.exists() or not (artifacts / "install.py").exists():
            print("Exception: no such component", file=sys.stderr)
            sys.exit(1)
    print("Local deployment submitted! Deployment Id:", uuid.uuid4())
elif words[:3] == ["deployment", "status", "-i"]:
    polls = root / "polls"
    polls.write_text(polls.read_text() + "x" if polls.exists() else "x")
    end = os.environ.get("DEVICE_END", "SUCCEEDED")
    print(f"{words[3]}: {end if len(polls.read_text()) > 1 else 'IN_PROGRESS'}")
else:
    sys.exit(2)
"""
_LITE = """#!@PYTHON@
import json, os, sys
from pathlib import Path
root = Path(os.environ["DEVICE_ROOT"])
words = sys.argv[1:]
with (root / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
options = dict(zip(words[1::2], words[2::2]))
name, _, version = options["--add-component"].partition("=")
if not (Path(options["--recipe-dir"]) / f"{name}-{version}.yaml").exists():
    print("recipe not found", file=sys.stderr)
    sys.exit(1)
(root / f"{name}.unit").write_text(version)
"""
_SYSTEMCTL = """#!/bin/sh
name=$(echo "$4" | sed 's/^ggl\\.//; s/\\.service$//')
if [ -e "$DEVICE_ROOT/$name.unit" ]; then
    echo "ActiveState=${DEVICE_STATE:-active}"; echo "Result=success"
    echo "ExecMainStartTimestampMonotonic=123"
else
    echo "ActiveState=inactive"; echo "Result=success"; echo "ExecMainStartTimestampMonotonic=0"
fi
"""
_JOURNALCTL = '#!/bin/sh\necho "$3: a line of the journal"\n'


def make_device(root: Path, *nuclei: str) -> Path:
    """Make a device below `root` with these nuclei, and return its ssh."""
    (root / "bin").mkdir(parents=True)
    ssh = _program(root / "ssh", _SSH, root)
    _program(root / "bin" / "sudo", _SUDO, root)
    if "classic" in nuclei:
        folder = root / "greengrass" / "v2"
        (folder / "bin").mkdir(parents=True)
        (folder / "logs").mkdir()
        (folder / "logs" / "io.tidegauge.Probe.log").write_text("a line of the component\n")
        _program(folder / "bin" / "greengrass-cli", _CLASSIC, root)
    if "lite" in nuclei:
        _program(root / "bin" / "ggl-cli", _LITE, root)
        _program(root / "bin" / "systemctl", _SYSTEMCTL, root)
        _program(root / "bin" / "journalctl", _JOURNALCTL, root)
    return ssh


def _program(path: Path, text: str, root: Path) -> Path:
    path.write_text(text.replace("@ROOT@", str(root)).replace("@PYTHON@", sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert os.access(path, os.X_OK)
    return path
