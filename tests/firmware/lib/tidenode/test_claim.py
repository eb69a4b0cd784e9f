"""A board without an identity becomes a thing, whatever the fleet's side does meanwhile."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.firmware.lib.tidenode.bench import LATE_S_MAX
from tests.firmware.lib.tidenode.claim_bench import SERIAL, ClaimBench
from tests.firmware.lib.tidenode.fleet_broker import Fleet
from tests.firmware.lib.tidenode.image_files import read_files

CLAIM_FILES = {"claim.der", "claim_key.der", "claim.json"}
LISTED = {SERIAL: ("pump-7", "north")}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ClaimBench]:
    with ClaimBench(tmp_path) as bench:
        yield bench


def assert_is_the_thing(image: Path) -> None:
    files = read_files(image)
    certificate = x509.load_der_x509_certificate(files["cert.der"])
    key = load_der_private_key(files["key.der"], password=None)
    assert certificate.public_key() == key.public_key()
    config = json.loads(files["config.json"])
    assert (config["thing"], config["site"]) == ("pump-7", "north")
    assert config["broker"]["host"] == "127.0.0.1"
    left = CLAIM_FILES | {"new_key.der", "provision.json"}
    assert not left & files.keys()
    assert not [name for name in files if name.endswith(".draft")]


def test_a_board_with_a_claim_becomes_a_thing_and_its_samples_come(bench: ClaimBench) -> None:
    bench.broker.fleet = Fleet(things=LISTED)
    bench.broker.resume()
    image = bench.blank_image()
    board = bench.board(image)
    bench.wait_for_resets(board, 2)
    bench.broker.received.clear()
    bench.wait_for_batches(3)
    stats = bench.end(board)
    assert (stats.acknowledged, stats.dropped) == (stats.accepted, 0)
    batch = bench.batches()[0]
    assert (batch.thing, batch.site, batch.boot) == ("pump-7", "north", 1)
    assert bench.broker.clients == [f"claim.{SERIAL}", "pump-7", "pump-7"]
    request = bench.broker.requests[0]
    assert request.subject.rfc4514_string() == f"CN={SERIAL}"
    assert bench.broker.registrations[0]["parameters"] == {"SerialNumber": SERIAL}
    assert_is_the_thing(image)


def test_a_serial_number_that_is_not_on_the_list_keeps_asking_and_costs_one_certificate(
    bench: ClaimBench,
) -> None:
    bench.broker.resume()
    board = bench.board(bench.blank_image(serial="A0017", thing="pump-7"))
    bench.wait_for_resets(board)
    arrived = bench.broker.wait_for(lambda: len(bench.broker.registrations) >= 4, LATE_S_MAX)
    assert arrived, bench.log()
    assert len(bench.broker.requests) == 1
    assert "AccessDenied: not on the allow-list" in bench.log()
    asked = bench.broker.registrations[0]["parameters"]
    assert asked == {"SerialNumber": "A0017", "ThingName": "pump-7"}
    bench.broker.fleet = Fleet(things={"A0017": ("pump-7", "north")})
    bench.wait_for_resets(board)
    waits_ms = [
        int(float(at) * 1_000) for at in re.findall(r"^([\d.]+) claim A", bench.log(), re.M)
    ]
    gaps_ms = [later - earlier for earlier, later in pairwise(waits_ms)]
    assert gaps_ms[1] > 100  # half of twice `retry_delay_ms_max`, and then twice that
    assert gaps_ms[2] > 200
    board.kill()


def test_a_board_that_claims_ends_in_good_order(bench: ClaimBench) -> None:
    bench.broker.resume()
    board = bench.board(bench.blank_image())
    bench.wait_for_resets(board)
    bench.wait_for_log("AccessDenied")
    stats = bench.end(board)
    assert (stats.boot, stats.sampled, stats.connected) == (0, 0, False)


@pytest.mark.parametrize(
    ("fleet", "certificates"),
    [
        (Fleet(mute=1), 2),
        (Fleet(spent=1), 2),
        (Fleet(strangers=2), 1),
        (Fleet(strangers=5), 2),
    ],
)
def test_a_fleet_that_fails_for_a_while_is_asked_again(
    bench: ClaimBench, fleet: Fleet, certificates: int
) -> None:
    """After five connections that the thing could not make, it is asked for anew."""
    bench.broker.fleet = Fleet(LISTED, fleet.mute, fleet.spent, fleet.strangers)
    bench.broker.resume()
    image = bench.blank_image()
    board = bench.board(image)
    bench.wait_for_resets(board, 2)
    board.kill()
    board.wait()
    assert len(bench.broker.requests) == certificates
    assert len({request.public_key().public_numbers() for request in bench.broker.requests}) == 1
    assert_is_the_thing(image)


def test_without_a_network_a_claim_waits_for_one(bench: ClaimBench) -> None:
    bench.broker.fleet = Fleet(things=LISTED)
    board = bench.board(bench.blank_image())
    bench.wait_for_resets(board)
    bench.wait_for_log("attempt=3")
    bench.broker.resume()
    bench.wait_for_resets(board)


def test_a_key_survives_a_power_cut_in_the_middle_of_a_claim(bench: ClaimBench) -> None:
    bench.broker.resume()
    image = bench.blank_image()
    board = bench.board(image)
    bench.wait_for_resets(board)
    bench.wait_for_log("AccessDenied")
    board.kill()
    board.wait()
    key = read_files(image)["new_key.der"]
    bench.broker.fleet = Fleet(things=LISTED)
    board.start()
    bench.wait_for_resets(board)
    board.kill()
    board.wait()
    assert len(bench.broker.requests) == 1
    assert read_files(image)["key.der"] == key
    assert_is_the_thing(image)
