"""The broker as devices meet it: who may come, what they may do, and what each hang-up says."""

import base64
import datetime
import json
import re
import socket
import ssl
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.local_cloud import Certificate, CloudProcess, private_pem, wait_for
from tests.mqtt_device import HungUpError, MqttDevice, raw_tls

STREAM = "broker"
PAYLOAD_BYTES_MAX = 128 * 1024  # AWS IoT Core
SUBSCRIBE_TO_ALL = b"\x82\x09\0\1\0\4dt/#\1"
PING, PONG = b"\xc0\0", 0xD0
PUBLISH = 0x30


@pytest.fixture(scope="module")
def cloud(local_cloud: CloudProcess) -> CloudProcess:
    """The shared cloud with a stream, a rule into it, and the policy of a thing."""
    local_cloud.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    to_stream = {
        "streamName": STREAM,
        "partitionKey": "${clientid()}",
        "roleArn": local_cloud.role("broker-rule", "iot"),
    }
    local_cloud.client("iot").create_topic_rule(
        ruleName="broker",
        topicRulePayload={
            "sql": "SELECT clientid() AS client, topic() AS topic, encode(*, 'base64') AS data "
            "FROM 'dt/broker/+/+'",
            "actions": [{"kinesis": to_stream}],
        },
    )
    arn = f"arn:aws:iot:{local_cloud.facts['region']}:{local_cloud.facts['account']}"
    own = "${iot:Connection.Thing.ThingName}"
    local_cloud.policy(
        "broker",
        {"Action": "iot:Connect", "Resource": f"{arn}:client/{own}"},
        {
            "Action": "iot:Publish",
            "Resource": [
                f"{arn}:topic/dt/broker/{own}/*",
                f"{arn}:topic/$aws/rules/broker/dt/broker/{own}/*",
                f"{arn}:topic/$aws/rules/broker_absent/*",
            ],
        },
        {"Action": ["iot:Subscribe", "iot:Receive"], "Resource": "*"},
    )
    return local_cloud


@pytest.fixture
def thing(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return re.sub(r"[^A-Za-z0-9_:-]", "_", request.node.name)[-60:]


@pytest.fixture
def certificate(cloud: CloudProcess, thing: str) -> Certificate:
    return cloud.provision(thing, "broker")


def _documents(cloud: CloudProcess, client: str) -> list[dict[str, Any]]:
    records = cloud.records(STREAM)
    return [json.loads(each["Data"]) for each in records if each["PartitionKey"] == client]


def _payloads(cloud: CloudProcess, client: str) -> list[bytes]:
    return [base64.b64decode(document["data"]) for document in _documents(cloud, client)]


def _logged(cloud: CloudProcess, *needles: str) -> str:
    """Wait for a log line with all of `needles` and return its reason."""

    def find() -> str:
        lines = [line for line in cloud.log().splitlines() if all(n in line for n in needles)]
        return lines[-1].partition("reason=")[2] if lines else ""

    reason: str = wait_for(f"a log line with {needles}", find)
    return reason


def _hang_up(cloud: CloudProcess, client: str) -> str:
    return _logged(cloud, f"hang-up client={client} ")


def _expect_hang_up(device: MqttDevice) -> None:
    """Read until the broker has closed the connection."""
    with suppress(HungUpError):
        while True:
            device.receive()


def _refused(cloud: CloudProcess, certificate: Certificate | None) -> str:
    """Come with `certificate`, try to publish, and return the logged reason."""
    context = ssl.create_default_context(cafile=cloud.facts["ca_path"])
    if certificate:
        context.load_cert_chain(certificate.certificate_path, certificate.key_path)
    address = (cloud.facts["mqtt_host"], cloud.facts["mqtt_port"])
    with socket.create_connection(address, 10) as plain:
        port = plain.getsockname()[1]
        try:
            with context.wrap_socket(plain, server_hostname=address[0]) as secure:
                secure.sendall(b"\x10\x0f\0\4MQTT\4\2\0\x3c\0\3bad\x30\x12\0\x0ddt/broker/bad/no")
                assert secure.recv(1) == b""
        except OSError:
            pass  # TLS says no in its own way
    assert _documents(cloud, "bad") == []
    return _logged(cloud, f":{port} ", "reason=")


# ---- who may come ----


def test_without_a_certificate_a_device_is_refused(cloud: CloudProcess) -> None:
    assert _refused(cloud, None) == "it has no client certificate"


def test_a_certificate_that_nobody_registered_is_refused(
    cloud: CloudProcess, tmp_path: Path
) -> None:
    certificate = _self_signed(tmp_path, days_valid=1)
    assert _refused(cloud, certificate).startswith("its certificate: self-signed certificate")


def test_a_certificate_that_was_deleted_is_refused(cloud: CloudProcess) -> None:
    certificate = cloud.certificate("broker-deleted", active=False)
    cloud.client("iot").delete_certificate(certificateId=certificate.certificate_id)
    reason = _refused(cloud, certificate)
    assert reason == f"certificate {certificate.certificate_id[:12]} is not registered"


def test_an_inactive_certificate_is_refused_until_it_is_active(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    iot = cloud.client("iot")
    iot.update_certificate(certificateId=certificate.certificate_id, newStatus="INACTIVE")
    reason = _refused(cloud, certificate)
    assert reason == f"certificate {certificate.certificate_id[:12]} is status 'INACTIVE'"
    iot.update_certificate(certificateId=certificate.certificate_id, newStatus="ACTIVE")
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"dt/broker/{thing}/m", b"now")
    assert _payloads(cloud, thing) == [b"now"]


def test_an_expired_certificate_is_refused_though_it_is_active(
    cloud: CloudProcess, tmp_path: Path
) -> None:
    certificate = _registered(cloud, _self_signed(tmp_path, days_valid=-1))
    assert _refused(cloud, certificate) == "its certificate: certificate has expired"


def test_a_certificate_from_elsewhere_comes_in_once_it_is_registered(
    cloud: CloudProcess, tmp_path: Path
) -> None:
    certificate = _registered(cloud, _self_signed(tmp_path, days_valid=1))
    iot = cloud.client("iot")
    iot.create_thing(thingName="broker-own-certificate")
    iot.attach_thing_principal(thingName="broker-own-certificate", principal=certificate.arn)
    iot.attach_policy(policyName="broker", target=certificate.arn)
    with MqttDevice(cloud.facts, certificate, "broker-own-certificate") as device:
        device.publish("dt/broker/broker-own-certificate/m", b"x")


def test_a_certificate_that_is_switched_off_ends_its_connection(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"dt/broker/{thing}/m", b"before")
        cloud.client("iot").update_certificate(
            certificateId=certificate.certificate_id, newStatus="REVOKED"
        )
        with pytest.raises(HungUpError):
            device.publish(f"dt/broker/{thing}/m", b"after")
    assert _hang_up(cloud, thing) == "its certificate is no longer active"
    assert _payloads(cloud, thing) == [b"before"]


# ---- what they may do ----


def test_a_client_id_that_is_not_the_things_name_is_refused(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with pytest.raises(HungUpError):
        MqttDevice(cloud.facts, certificate, f"{thing}2")
    reason = _logged(cloud, "hang-up", f"certificate={certificate.certificate_id[:12]}")
    assert reason == f"its policies do not allow iot:Connect on client/{thing}2"


def test_a_certificate_without_a_policy_may_not_connect(cloud: CloudProcess, thing: str) -> None:
    certificate = cloud.certificate(thing)
    with pytest.raises(HungUpError):
        MqttDevice(cloud.facts, certificate, thing)
    reason = _logged(cloud, "hang-up", f"certificate={certificate.certificate_id[:12]}")
    assert reason == f"its policies do not allow iot:Connect on client/{thing}"


@pytest.mark.parametrize("prefix", ["", "$aws/rules/broker/"], ids=["mqtt", "basic-ingest"])
def test_a_thing_that_publishes_under_anothers_name_is_disconnected(
    cloud: CloudProcess, thing: str, certificate: Certificate, prefix: str
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"{prefix}dt/broker/{thing}/m", b"mine")
        with pytest.raises(HungUpError):
            device.publish(f"{prefix}dt/broker/other/m", b"not mine")
    topic = f"{prefix}dt/broker/other/m"
    assert _hang_up(cloud, thing) == f"its policies do not allow iot:Publish on topic/{topic}"
    assert _payloads(cloud, thing) == [b"mine"]
    assert "other" not in {document["topic"].split("/")[2] for document in _documents(cloud, thing)}


def test_basic_ingest_to_a_rule_it_may_not_name_is_refused(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device, pytest.raises(HungUpError):
        device.publish(f"$aws/rules/line/dt/broker/{thing}/m", b"")
    assert _hang_up(cloud, thing).startswith("its policies do not allow iot:Publish on topic/$aws")


# ---- acknowledgements ----


def test_a_publish_that_no_rule_could_deliver_is_not_acknowledged(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device, pytest.raises(HungUpError):
        device.publish("$aws/rules/broker_absent/x", b"")
    assert _hang_up(cloud, thing).endswith("there is no such rule: deploy the stack first")


def test_publishes_sent_at_once_are_acknowledged_in_order_each_with_its_record(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        payloads = [b"%d" % number for number in range(50)]
        device.send(b"".join(device.packet(f"dt/broker/{thing}/m", each) for each in payloads))
        acknowledged = [struct.unpack(">H", device.receive()[1])[0] for _ in payloads]
    assert acknowledged == list(range(1, 51))
    assert _payloads(cloud, thing) == payloads


def test_a_packet_in_pieces_is_one_publish(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        packet = device.packet(f"dt/broker/{thing}/m", b"in pieces")
        for at in range(len(packet)):
            device.send(packet[at : at + 1])
        assert device.receive()[0] == 0x40
    assert _payloads(cloud, thing) == [b"in pieces"]


# ---- sessions ----


def test_a_kept_session_is_present_again_with_its_subscriptions(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing, clean=False) as device:
        assert not device.session_present
        device.send(SUBSCRIBE_TO_ALL)
        assert device.receive()[0] == 0x90
    _hang_up(cloud, thing)
    with MqttDevice(cloud.facts, certificate, thing, clean=False) as device:
        assert device.session_present
        device.send(device.packet(f"dt/broker/{thing}/m", b"to myself"))
        kinds = {device.receive()[0] for _ in range(2)}
        assert kinds == {PUBLISH, 0x40}
    _hang_up(cloud, thing)
    with MqttDevice(cloud.facts, certificate, thing) as device:
        assert not device.session_present


def test_a_second_connection_takes_the_client_id_over_and_the_first_is_ended(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with (
        MqttDevice(cloud.facts, certificate, thing) as first,
        MqttDevice(cloud.facts, certificate, thing) as second,
    ):
        _expect_hang_up(first)
        second.publish(f"dt/broker/{thing}/m", b"second")
    _logged(cloud, f"hang-up client={thing} ", "reason=another connection took over its client id")
    assert _payloads(cloud, thing) == [b"second"]


def test_silence_longer_than_the_keep_alive_ends_a_connection_and_pings_keep_it(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    other = f"{thing[:50]}-silent"
    silent_certificate = cloud.provision(other, "broker")
    with (
        MqttDevice(cloud.facts, certificate, thing, keep_alive_s=1) as pinging,
        MqttDevice(cloud.facts, silent_certificate, other, keep_alive_s=1),
    ):
        deadline = time.monotonic() + 15
        while f"hang-up client={other} " not in cloud.log():
            assert time.monotonic() < deadline
            time.sleep(0.4)  # well within the keep-alive, which is what is tested
            pinging.send(PING)
            assert pinging.receive()[0] == PONG
        pinging.publish(f"dt/broker/{thing}/m", b"alive")
    assert _hang_up(cloud, other) == "nothing came for 2 s"


def test_a_will_that_no_rule_takes_is_told_and_ends_nothing_else(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    will_topic = "$aws/rules/broker_absent/gone"
    with MqttDevice(cloud.facts, certificate, thing, will_topic=will_topic) as device:
        device.send(SUBSCRIBE_TO_ALL)
        assert device.receive()[0] == 0x90
    assert "there is no such rule" in _logged(cloud, f"will lost client={thing}")
    assert "never retrieved" not in cloud.log()
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"dt/broker/{thing}/m", b"again")  # and hears nothing of its old filter


# ---- who does not listen ----


def test_a_subscriber_that_stops_reading_is_ended_and_holds_nobody_up(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    deaf = f"{thing[:50]}-deaf"
    with (
        MqttDevice(cloud.facts, certificate, thing) as talking,
        MqttDevice(cloud.facts, cloud.provision(deaf, "broker"), deaf) as silent,
    ):
        silent.subscribe(f"dt/broker/{thing}/m")
        published = 0
        while f"hang-up client={deaf} " not in cloud.log():
            assert published < 500, "the kernel can't hold that much"
            talking.publish(f"dt/broker/{thing}/m", bytes(PAYLOAD_BYTES_MAX))
            published += 1
        talking.publish(f"dt/broker/{thing}/m", b"still served")
    assert re.fullmatch(r"it does not read: \d+ bytes wait, 1048576 at most", _hang_up(cloud, deaf))
    assert len(_payloads(cloud, thing)) == published + 1


def test_a_subscriber_that_acknowledges_nothing_is_ended(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    rude = f"{thing[:50]}-rude"
    with (
        MqttDevice(cloud.facts, certificate, thing) as talking,
        MqttDevice(cloud.facts, cloud.provision(rude, "broker"), rude) as silent,
    ):
        silent.subscribe(f"dt/broker/{thing}/m")
        for _ in range(1001):
            talking.publish(f"dt/broker/{thing}/m", b"x")
    reason = _hang_up(cloud, rude)
    assert reason == "it does not acknowledge: 1001 messages wait, 1000 at most"


def test_a_publisher_that_reads_no_acknowledgement_is_ended_in_its_keep_alive(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with (
        MqttDevice(cloud.facts, certificate, thing, keep_alive_s=1) as device,
        suppress(HungUpError),
    ):
        while True:
            device.send(PING * 100_000)
    assert _hang_up(cloud, thing) == "it read nothing for 2 s"


# ---- what is no MQTT, or too much of it ----


def test_the_largest_payload_passes_and_a_larger_packet_ends_the_connection(
    cloud: CloudProcess, thing: str, certificate: Certificate
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"dt/broker/{thing}/m", bytes(PAYLOAD_BYTES_MAX))
        with pytest.raises(HungUpError):
            device.publish(f"dt/broker/{thing}/m", bytes(2 * PAYLOAD_BYTES_MAX))
    assert re.fullmatch(r"a packet of 2\d{5} bytes, 132096 at most", _hang_up(cloud, thing))
    assert [len(payload) for payload in _payloads(cloud, thing)] == [PAYLOAD_BYTES_MAX]


@pytest.mark.parametrize(
    ("garbage", "told"),
    [
        (b"\0" * 40, "a packet of type 0, which no device may send"),
        (b"\x32\xff\xff\xff\xff\xff", "a packet whose length is malformed"),
        (b"\x10\x0c\0\4MQTT\4\2\0\x3c\0\0", "a second CONNECT"),
        (b"\x34\4\0\1a\0\1", "a publish of QoS 2: AWS IoT has 0 and 1"),
        (b"\x32\2\0\x40", "a packet that is malformed, or of a topic closed to devices"),
        (b"\x32\7\0\3a/+\0\1", "a packet that is malformed, or of a topic closed to devices"),
        (b"\x82\3\0\1\0", "a packet that is malformed, or of a topic closed to devices"),
        (b"\xe0\0", "it said DISCONNECT"),
    ],
)
def test_garbage_ends_the_connection_with_a_reason(
    cloud: CloudProcess, thing: str, certificate: Certificate, garbage: bytes, told: str
) -> None:
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.send(garbage)
        _expect_hang_up(device)
    assert _hang_up(cloud, thing) == told
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.publish(f"dt/broker/{thing}/m", b"still served")


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "its first packet is not CONNECT"),
        (b"\x10\0", "its CONNECT is truncated"),
        (b"\x10\xff\xff\x05", "its CONNECT of 98303 bytes, 8192 at most"),
        (b"\x10\x0c\0\4MQTT\7\2\0\x3c\0\0", "a packet that is malformed"),
    ],
)
def test_what_does_not_begin_as_mqtt_is_told(
    cloud: CloudProcess, certificate: Certificate, first: bytes, told: str
) -> None:
    with raw_tls(cloud.facts, certificate.certificate_path, certificate.key_path) as secure:
        port = secure.getsockname()[1]
        secure.sendall(first)
        while secure.recv(100):
            pass
    assert _logged(cloud, "hang-up", f":{port} ").startswith(told)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\x0c\0\4MQTT", b""])
def test_what_is_no_tls_is_told_and_nothing_breaks(cloud: CloudProcess, first: bytes) -> None:
    address = (cloud.facts["mqtt_host"], cloud.facts["mqtt_port"])
    with socket.create_connection(address, 10) as plain:
        port = plain.getsockname()[1]
        plain.sendall(first)
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(100):
            pass
    reason = _logged(cloud, "refused", f":{port} ")
    assert reason.startswith("TLS: ") if first else reason == "it left during the handshake"


def _self_signed(folder: Path, *, days_valid: int) -> Certificate:
    """Make a certificate that ends `days_valid` days from now and signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days_valid))
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "own.pem", folder / "own.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(private_pem(key))
    return Certificate(certificate_path, key_path, arn="")


def _registered(cloud: CloudProcess, certificate: Certificate) -> Certificate:
    """Register a certificate that another authority made, as active."""
    answer = cloud.client("iot").register_certificate_without_ca(
        certificatePem=certificate.certificate_path.read_text(), status="ACTIVE"
    )
    return Certificate(certificate.certificate_path, certificate.key_path, answer["certificateArn"])
