"""From a claim to a thing, against the real broker, template, function and allow-list."""

import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fleet_device import (
    CSR_TOPIC,
    PROVISION_TOPIC,
    asking,
    claim_files,
    provision,
    sign,
)
from tests.local_cloud import Certificate, CloudProcess, wait_for
from tests.mqtt_device import HungUpError, MqttDevice
from tidecloud.admission import Entry
from tidecloud.allow_list import UNTIL_MS_MAX
from tidectl.allow_list import AllowList
from tidectl.claim import make_claim
from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.stack import deploy
from tidectl.target import Target, local_target
from tidectl.thing import provision as provision_by_hand

SOON_MS = 3_600_000


@pytest.fixture(scope="module")
def claim(deployed: Target, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("claim")
    return claim_files(make_claim(deployed, Home(folder / "home"), "boards"), folder)


@pytest.fixture
def serial(request: pytest.FixtureRequest) -> str:
    """A serial number that no other test uses."""
    return f"serial-{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def allow(deployed: Target, serial: str) -> Callable[..., None]:
    def put(thing: str, *, for_ms: int = SOON_MS) -> None:
        until_ms = time.time_ns() // 1_000_000 + for_ms
        AllowList(deployed).allow(serial, Entry(thing, "farm", until_ms))

    return put


@pytest.fixture
def board(local_cloud: CloudProcess, claim: Certificate, serial: str) -> Iterator[MqttDevice]:
    with asking(local_cloud.facts, claim, f"claim.{serial}") as device:
        yield device


def _reason(cloud: CloudProcess, client: str) -> str:
    def find() -> str:
        lines = [line for line in cloud.log().splitlines() if f"hang-up client={client} " in line]
        return lines[-1].partition("reason=")[2] if lines else ""

    return str(wait_for(f"the hang-up of {client}", find))


def _status(target: Target, certificate_id: str) -> str:
    answer = target.client("iot").describe_certificate(certificateId=certificate_id)
    return str(answer["certificateDescription"]["status"])


# ---- the way through ----


def test_an_allowed_board_becomes_its_thing_and_publishes_as_it(
    local_cloud: CloudProcess, deployed: Target, board: MqttDevice, serial: str, tmp_path: Path
) -> None:
    AllowList(deployed).allow(serial, Entry(f"thing-{serial}", "farm", UNTIL_MS_MAX))
    facts = local_cloud.facts
    with board as device:
        signed = sign(device)
        assert set(signed.document) == {
            "certificateId", "certificatePem", "certificateOwnershipToken",
        }  # fmt: skip
        made = x509.load_pem_x509_certificate(signed.document["certificatePem"].encode())
        asked = x509.load_pem_x509_csr(signed.identity.request_pem.encode())
        kind = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert made.public_key().public_bytes(*kind) == asked.public_key().public_bytes(*kind)
        assert _status(deployed, signed.document["certificateId"]) == "PENDING_ACTIVATION"
        own = signed.files(tmp_path)
        with pytest.raises(HungUpError):
            MqttDevice(facts, own, f"thing-{serial}")  # it opens nothing yet
        answer, document = provision(device, signed.token, SerialNumber=serial)
        assert (answer, document) == (
            "accepted",
            {"thingName": f"thing-{serial}", "deviceConfiguration": {"site": "farm"}},
        )
    assert _status(deployed, signed.document["certificateId"]) == "ACTIVE"
    thing = deployed.client("iot").describe_thing(thingName=f"thing-{serial}")
    assert thing["attributes"] == {"serial_number": serial, "site": "farm"}
    with MqttDevice(facts, own, f"thing-{serial}") as device:
        topic = f"$aws/rules/tidegauge_telemetry/dt/tidegauge/farm/thing-{serial}/climate"
        device.publish(topic, b"{}")


def test_a_thing_renews_its_certificate_and_both_are_good(
    local_cloud: CloudProcess, deployed: Target, serial: str, tmp_path: Path
) -> None:
    folder = provision_by_hand(deployed, Home(tmp_path / "home"), serial, board=False)
    old = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    with asking(local_cloud.facts, old, serial) as device:
        signed = sign(device)
        answer, document = provision(
            device, signed.token, ThingName=serial, SerialNumber="A-1", Site="home"
        )
        assert (answer, document["thingName"]) == ("accepted", serial)
    for certificate in (old, signed.files(tmp_path)):
        with MqttDevice(local_cloud.facts, certificate, serial) as device:
            device.publish(f"echo/tidegauge/{serial}", b"here")
    thing = deployed.client("iot").describe_thing(thingName=serial)
    assert thing["attributes"] == {}  # a thing does not say what it is


def test_what_was_accepted_outlives_a_killed_cloud(
    own_cloud: Callable[..., CloudProcess], tmp_path: Path
) -> None:
    cloud = own_cloud()
    target = local_target(_facts(cloud))
    deploy(target)
    certificate = claim_files(make_claim(target, Home(tmp_path / "home"), "boards"), tmp_path)
    AllowList(target).allow("S1", Entry("survivor", "farm", UNTIL_MS_MAX))
    with asking(cloud.facts, certificate, "claim.S1") as device:
        signed = sign(device)
        assert provision(device, signed.token, SerialNumber="S1")[0] == "accepted"
        cloud.kill()
    cloud.start()
    with MqttDevice(cloud.facts, signed.files(tmp_path), "survivor") as device:
        device.publish("echo/tidegauge/survivor", b"alive")


def _facts(cloud: CloudProcess) -> Any:
    folder = cloud.state.parent / "home"
    folder.mkdir()
    (folder / "local").symlink_to(cloud.state)
    facts = LocalProcess(Home(folder)).facts()
    assert facts
    return facts


# ---- refusals ----


DENIED = {"statusCode": 403, "errorCode": "AccessDenied", "errorMessage": "Access Denied"}


def test_a_serial_number_that_is_not_on_the_list_is_refused(
    board: MqttDevice, deployed: Target, serial: str
) -> None:
    signed = sign(board)
    assert provision(board, signed.token, SerialNumber=serial) == ("rejected", DENIED)
    assert _status(deployed, signed.document["certificateId"]) == "PENDING_ACTIVATION"


def test_a_serial_number_whose_time_is_over_is_refused(
    board: MqttDevice, serial: str, allow: Callable[..., None]
) -> None:
    allow(f"late-{serial}", for_ms=-1)
    assert provision(board, sign(board).token, SerialNumber=serial) == ("rejected", DENIED)


def test_another_boards_serial_number_is_refused(
    board: MqttDevice, deployed: Target, serial: str
) -> None:
    AllowList(deployed).allow(f"{serial}-other", Entry("other", "farm", UNTIL_MS_MAX))
    answer = provision(board, sign(board).token, SerialNumber=f"{serial}-other")
    assert answer == ("rejected", DENIED)


def test_another_things_name_is_refused(
    board: MqttDevice, serial: str, allow: Callable[..., None]
) -> None:
    allow(f"mine-{serial}")
    token = sign(board).token
    asked = {"SerialNumber": serial, "ThingName": "not-mine"}
    assert provision(board, token, **asked) == ("rejected", DENIED)
    asked["ThingName"] = f"mine-{serial}"
    assert provision(board, token, **asked)[0] == "accepted"


def test_a_token_that_nobody_was_given_is_refused(
    board: MqttDevice, serial: str, allow: Callable[..., None]
) -> None:
    allow(f"token-{serial}")
    answer, document = provision(board, "x" * 64, SerialNumber=serial)
    assert (answer, document["errorCode"]) == ("rejected", "InvalidCertificateOwnershipToken")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", "InvalidPayload"),
        (b"[" * 100_000, "InvalidPayload"),
        (b"[]", "InvalidPayload"),
        (b"{}", "InvalidParameters"),
        (b'{"certificateSigningRequest": "x"}', "InvalidCertificateSigningRequest"),
    ],
)
def test_a_wrong_signing_request_is_answered(board: MqttDevice, payload: bytes, code: str) -> None:
    answer, document = board.ask(CSR_TOPIC, payload)
    assert answer == "rejected"
    assert (document["statusCode"], document["errorCode"]) == (400, code)
    assert document["errorMessage"]


def test_a_thing_renews_nobody_elses_certificate(
    local_cloud: CloudProcess, deployed: Target, serial: str, tmp_path: Path
) -> None:
    folder = provision_by_hand(deployed, Home(tmp_path / "home"), serial, board=False)
    own = Certificate(*folder.pem_paths(), "")
    with asking(local_cloud.facts, own, serial) as device:
        token = sign(device).token
        asked = {"ThingName": "another", "SerialNumber": "1", "Site": "home"}
        assert provision(device, token, **asked) == ("rejected", DENIED)


def test_a_claim_can_be_no_thing_and_say_nothing_else(
    local_cloud: CloudProcess, claim: Certificate, serial: str
) -> None:
    with pytest.raises(HungUpError):
        MqttDevice(local_cloud.facts, claim, serial)
    for number, topic in enumerate((
        "dt/tidegauge/farm/x/climate",
        "$aws/certificates/create/json",
        PROVISION_TOPIC.replace("tidegauge", "another"),
    )):  # fmt: skip
        client = f"claim.{serial}-{number}"
        with MqttDevice(local_cloud.facts, claim, client) as device, pytest.raises(HungUpError):
            device.publish(topic, b"{}")
        assert _reason(local_cloud, client) == (
            f"its policies do not allow iot:Publish on topic/{topic}"
        )
    client = f"claim.{serial}-listening"
    with MqttDevice(local_cloud.facts, claim, client) as device, pytest.raises(HungUpError):
        device.subscribe("#")
    assert _reason(local_cloud, client).endswith("iot:Subscribe on topicfilter/#")
