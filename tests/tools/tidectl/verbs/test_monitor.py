"""`tidectl monitor`: what a board says, until Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.firmware.standin import StandIn
from tests.tools.tidectl.thing_files import make_thing
from tidectl.home import Home

END_S_MAX = 20.0


def test_lines_of_json_pass_apart_from_the_rest_and_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    with StandIn(folder.image_path) as board:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidectl", "monitor", board.port, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stderr
        first = json.loads(process.stdout.readline())
        heard = ""
        while "link failed" not in heard:  # its broker is nobody: lines that are no JSON
            heard += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=END_S_MAX)
        assert process.returncode == 0, err
    assert first["thing"] == "board-1"
    assert all(json.loads(line) for line in out.splitlines())
    assert "Traceback" not in heard + err


def test_a_port_that_may_not_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no terminal")
    done = subprocess.run(
        [sys.executable, "-m", "tidectl", "monitor", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
        timeout=END_S_MAX,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: can't open")
