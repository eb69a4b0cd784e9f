"""mpremote as a process: what it answers, and each way it fails in a sentence."""

from pathlib import Path

import pytest

from tidectl import mpremote
from tidectl.mpremote import MpremoteError


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in mpremote's place."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    path = tmp_path / "mpremote"
    path.write_text('#!/bin/sh\necho "$@"\n')
    path.chmod(0o755)
    return path


def test_commands_are_chained_in_one_session(program: Path) -> None:
    assert program.exists()
    said = mpremote.run("/dev/x", [["fs", "cp", "a", ":b"], ["reset"]])
    assert said == "connect /dev/x fs cp a :b + reset\n"
    assert mpremote.run("/dev/x", [["reset"]], resume=True) == "connect /dev/x resume reset\n"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("mpremote: could not enter raw repl", "flash it"),
        (
            "mpremote: failed to access PORT (it may be in use by another program)",
            "end the program",
        ),
        ("mpremote: no device found", "tidectl device list"),
        ("OSError: 28", "flash is full"),
        ("Traceback\n  File x\nMemoryError: no memory", "run the same command again"),
    ],
)
def test_each_failure_says_what_to_do(said: str, hint: str, program: Path) -> None:
    port = str(program)  # a path that exists
    program.write_text(f"#!/bin/sh\ncat >&2 <<'X'\n{said.replace('PORT', port)}\nX\nexit 1\n")
    with pytest.raises(MpremoteError) as caught:
        mpremote.run(port, [["reset"]])
    assert hint in caught.value.hint
    last = said.splitlines()[-1].replace("PORT", port).removeprefix("mpremote: ")
    assert str(caught.value) == f"mpremote: {last}"


def test_a_board_that_says_nothing_is_given_up(program: Path) -> None:
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(MpremoteError, match=r"did not answer in 0\.2 s") as caught:
        mpremote.run("/dev/x", [["exec", "pass"]], within_s=0.2)
    assert "RESET" in caught.value.hint


def test_without_mpremote_the_doctor_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MpremoteError, match="no `mpremote`") as caught:
        mpremote.run("/dev/x", [["reset"]])
    assert "tidectl doctor" in caught.value.hint
