"""A thing gets another certificate, and keeps the old one until the new one has connected."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.firmware.lib.tidenode.claim_bench import ClaimBench
from tests.firmware.lib.tidenode.fleet_broker import Fleet
from tests.firmware.lib.tidenode.image_files import change_files, read_files

WISH = "/rotate.4"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ClaimBench]:
    with ClaimBench(tmp_path) as bench:
        yield bench


def wishful_image(bench: ClaimBench) -> Path:
    image = bench.image()
    change_files(image, {WISH: b""})
    return image


def assert_clean(image: Path) -> bytes:
    """Return the certificate, having asserted that the key is its and nothing is left over."""
    files = read_files(image)
    certificate = x509.load_der_x509_certificate(files["cert.der"])
    assert load_der_private_key(files["key.der"], None).public_key() == certificate.public_key()
    left = {"new_key.der", "new_request.pem", "provision.json"} & files.keys()
    assert not left | {name for name in files if name.startswith("rotate.")}
    return files["cert.der"]


def test_a_thing_rotates_and_goes_on_with_the_new_certificate(bench: ClaimBench) -> None:
    bench.broker.resume()
    image = wishful_image(bench)
    board = bench.board(image)
    bench.wait_for_resets(board, 2)
    bench.broker.received.clear()
    stats = bench.end_when_connected(board)
    assert stats.thing == "board-1"
    assert bench.broker.clients[:2] == ["board-1", "board-1"]
    assert bench.broker.registrations[0]["parameters"] == {
        "ThingName": "board-1",
        "SerialNumber": "02:00:00:00:00:00",
        "Site": "farm",
    }
    assert assert_clean(image) != bench.thing.certificate_der()


@pytest.mark.parametrize("network", [True, False])
def test_a_rotation_that_fails_leaves_the_old_identity(bench: ClaimBench, network: bool) -> None:
    """Its fleet answers nothing, or is not there."""
    bench.broker.fleet = Fleet(mute=99)
    if network:
        bench.broker.resume()
    image = wishful_image(bench)
    board = bench.board(image)
    bench.wait_for_resets(board, 2)
    bench.wait_for_log("rotation failed, the old certificate stays")
    if not network:
        bench.broker.resume()
    bench.end_when_connected(board)
    assert assert_clean(image) == bench.thing.certificate_der()


def test_a_rotation_whose_new_certificate_is_refused_leaves_the_old_identity(
    bench: ClaimBench,
) -> None:
    bench.broker.fleet = Fleet(refuse_new=True)
    bench.broker.resume()
    image = wishful_image(bench)
    board = bench.board(image)
    bench.wait_for_resets(board, 2)
    bench.wait_for_log("unused=certificate-1")
    bench.end_when_connected(board)
    assert read_files(image)["rotate_why"], "who asked for it is told"
    assert assert_clean(image) == bench.thing.certificate_der()
