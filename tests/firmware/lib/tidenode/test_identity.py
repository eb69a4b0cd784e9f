"""A board whose identity can't be used says so and stops; starting anew would find the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.lib.tidenode import identities
from tests.firmware.lib.tidenode.claim_bench import ClaimBench
from tests.firmware.lib.tidenode.image_files import change_files, read_files
from tidectl.simulated_board import RESET_EXIT_CODE

BOOT_S_MAX = 30.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ClaimBench]:
    with ClaimBench(tmp_path) as bench:
        yield bench


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"/cert.der": None}, "/cert.der is missing"),
        ({"/key.der": None, "/root.der": None}, "/key.der is missing; /root.der is missing"),
        ({"/cert.der": b""}, "/cert.der is no DER, or not all of it"),
        ({"/key.der": b"-----BEGIN PRIVATE KEY-----"}, "/key.der is no DER, or not all of it"),
        ({"/cert.der": b"\x30\x02ab"}, "/key.der is not the key of /cert.der"),
        ({"/root.der": b"\x30\x02ab"}, "can't be loaded: invalid cert"),
    ],
)
def test_a_bad_identity_ends_in_a_message_and_in_no_reset(
    bench: ClaimBench, changes: dict[str, bytes | None], message: str
) -> None:
    image = bench.image()
    change_files(image, changes)
    board = bench.board(image)
    assert board.wait(BOOT_S_MAX) not in (0, RESET_EXIT_CODE)
    assert board.last_log_line().startswith("IdentityError: identity: ")
    assert message in board.last_log_line()


def test_another_things_key_is_told(bench: ClaimBench) -> None:
    image = bench.image()
    change_files(image, {"/key.der": identities.thing(bench.authority).key_der()})
    board = bench.board(image)
    assert board.wait(BOOT_S_MAX) not in (0, RESET_EXIT_CODE)
    assert "/key.der is not the key of /cert.der" in board.last_log_line()


def test_half_a_claim_is_told(bench: ClaimBench) -> None:
    image = bench.blank_image()
    change_files(image, {"/claim_key.der": None})
    board = bench.board(image)
    assert board.wait(BOOT_S_MAX) not in (0, RESET_EXIT_CODE)
    assert "/cert.der is missing" in board.last_log_line()


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        ("/claim.json", b"{}", "has no broker, or no template"),
        ("/claim.json", b"nothing", "claim.json: "),
        ("/config.json", b'{"serial": "a b"}', "serial: "),
    ],
)
def test_a_mistake_of_who_made_the_claim_is_told(
    bench: ClaimBench, path: str, data: bytes, message: str
) -> None:
    image = bench.blank_image()
    change_files(image, {path: data})
    board = bench.board(image)
    assert board.wait(BOOT_S_MAX) not in (0, RESET_EXIT_CODE)
    assert "ConfigError" in board.last_log_line()
    assert message in board.last_log_line()


def test_a_claim_beside_an_identity_is_removed(bench: ClaimBench) -> None:
    bench.broker.resume()
    image = bench.image()
    change_files(image, {"/claim.der": b"x", "/claim.json": b"x", "/cert.der.draft": b"half"})
    bench.end_when_connected(bench.board(image))
    assert not {"claim.der", "claim.json", "cert.der.draft"} & read_files(image).keys()
