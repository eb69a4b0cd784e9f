"""esptool as a process: its facts, and each way it ends in a sentence with what to do."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.tools.tidectl.mock_board import FLASH_BYTES, MockBoard
from tidectl import esptool
from tidectl.esptool import Chip, Connection, EsptoolError, Part


@pytest.mark.parametrize("name", ["ESP32", "ESP32-S2", "ESP32-S3", "ESP32-C3", "ESP32-C6"])
def test_the_chip_on_a_port_is_told(name: str, tmp_path: Path) -> None:
    with MockBoard(tmp_path, esptool.chip_option(name)) as board:
        chip = esptool.detect(board.port)
    assert (chip.name, chip.flash_bytes) == (name, FLASH_BYTES)
    assert chip.mac.count(":") == 5
    assert chip.description.startswith(name)
    assert chip.features


def test_what_is_written_is_read_back_and_compared_and_told_in_percents(tmp_path: Path) -> None:
    parts = [Part(0x10000, tmp_path / "a"), Part(0x40000, tmp_path / "b")]
    parts[0].path.write_bytes(bytes(range(256)) * 200)
    parts[1].path.write_bytes(b"tide" * 4096)
    shown: list[int] = []
    with MockBoard(tmp_path, "esp32c3") as board:
        connection = Connection(board.port, esptool.detect(board.port))
        esptool.write(connection, parts, erase=True, show=shown.append)
        esptool.verify(connection, parts)
        assert board.read(0x40000, 16_384) == parts[1].path.read_bytes()
        parts[1].path.write_bytes(b"ebb." * 4096)
        with pytest.raises(EsptoolError, match=r"(?i)verif"):
            esptool.verify(connection, parts)
    assert shown == sorted(shown)
    assert shown[-1] == 100


def test_a_port_that_is_absent_points_at_the_list_of_ports() -> None:
    with pytest.raises(EsptoolError, match="Could not open /dev/nope") as caught:
        esptool.detect("/dev/nope")
    assert "tidectl device list" in caught.value.hint


def test_without_esptool_the_doctor_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EsptoolError, match="no `esptool`") as caught:
        esptool.detect("/dev/ttyUSB0")
    assert "tidectl doctor" in caught.value.hint


def put_in_place(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "esptool"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("A fatal error occurred: Failed to connect to ESP32: No serial data", "hold BOOT"),
        ("[Errno 13] Permission denied: '/dev/ttyUSB0'", "dialout"),
        ("A fatal error occurred: Could not open /dev/ttyUSB0, the port is busy", "end the pro"),
        ("what no one has ever seen", "run the same command again"),
    ],
)
def test_each_failure_says_what_to_do(
    said: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in esptool's place says what a board is needed for."""
    put_in_place(f'echo "{said}"\nexit 2\n', tmp_path, monkeypatch)
    with pytest.raises(EsptoolError) as caught:
        esptool.detect("/dev/ttyUSB0")
    assert hint in caught.value.hint
    assert said.removeprefix("A fatal error occurred: ") in str(caught.value)


@pytest.mark.parametrize(
    ("said", "fails", "tries"),
    [
        ("A fatal error occurred: No more data to read from the serial port.", 2, 3),
        ("A fatal error occurred: No more data to read from the serial port.", 9, 3),
        ("A fatal error occurred: Could not open /dev/ttyUSB0, the port is busy", 9, 1),
    ],
)
def test_what_got_lost_on_the_way_is_read_again(  # cases and fixtures
    said: str, fails: int, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in esptool's place fails at first, as a line with noise does."""
    counted, part = tmp_path / "tries", Part(0x10000, tmp_path / "part")
    script = f"""echo >> {counted}
        [ $(wc -l < {counted}) -gt {fails} ] && printf tide > {part.path} && exit 0
        echo "{said}"; exit 2"""
    put_in_place(script, tmp_path, monkeypatch)
    connection = Connection("/dev/ttyUSB0", Chip("ESP32", "", "", "", FLASH_BYTES))
    with nullcontext() if fails < tries else pytest.raises(EsptoolError, match="code 2"):
        esptool.read(connection, part, 4, show=lambda _: None)
        assert part.path.read_bytes() == b"tide"
    assert len(counted.read_text()) == tries
