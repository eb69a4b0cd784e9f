"""What a component may rely on, held with AWS's client and with ours, against each nucleus.

Where AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT is that of a real nucleus the same
statements can be made of it: nothing here knows more than the socket and the token.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.greengrass_components.tidegate.ipc.clients import (
    WAIT_S,
    Client,
    OfficialClient,
    OwnClient,
)
from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tidegate.ipc import OperationError, TokenRefusedError
from tidegate.ipc.limits import CLASSIC, LITE

DEFAULTS = {
    "site": "plant1",
    "devices": {"plc1": {"host": "192.0.2.10", "port": 502}},
    "tags": ["a", "b"],
    "accessControl": GRANT_ALL,
}
NARROW = {
    "aws.greengrass.ipc.pubsub": {
        "n:1": {
            "operations": ["aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"],
            "resources": ["tidegauge/local/*"],
        }
    },
    "aws.greengrass.ipc.mqttproxy": {
        "n:2": {
            "operations": ["aws.greengrass#PublishToIoTCore"],
            "resources": ["dt/tidegauge/+/g1/#"],
        }
    },
}
Connect = Callable[[str], Client]


@pytest.fixture(params=[CLASSIC, LITE], ids=lambda limits: limits.name)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with Desk(request.param) as desk:
        desk.nucleus.add("io.tidegauge.A", "token-a", DEFAULTS)
        desk.nucleus.add("io.tidegauge.B", "token-b", {"accessControl": GRANT_ALL})
        desk.nucleus.add("io.tidegauge.Narrow", "token-n", {"accessControl": NARROW})
        desk.nucleus.add("aws.greengrass.StreamManager", "token-s", {})
        yield desk


@pytest.fixture(params=["official", "own"])
def connect(
    request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    clients: list[Client] = []

    def connect(token: str) -> Client:
        client: Client = (
            OfficialClient(desk.socket_path, token, monkeypatch)
            if request.param == "official"
            else OwnClient(desk.socket_path, token)
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        with contextlib.suppress(Exception):
            client.close()


def test_components_talk_in_json_and_in_bytes(connect: Connect) -> None:
    one, other = connect("token-a"), connect("token-b")
    got, close = other.subscribe("tidegauge/+/x")
    one.publish("tidegauge/a/x", {"level": 1.5, "text": "größe"})
    one.publish("tidegauge/a/y", {"not": "this"})
    one.publish("tidegauge/b/x", b"\x00\xff")
    assert got.get(timeout=WAIT_S) == ("tidegauge/a/x", {"level": 1.5, "text": "größe"})
    assert got.get(timeout=WAIT_S) == ("tidegauge/b/x", b"\x00\xff")
    close()
    one.publish("tidegauge/c/x", {})
    again, _ = other.subscribe("done")
    one.publish("done", {"last": True})
    assert again.get(timeout=WAIT_S) == ("done", {"last": True})
    assert got.empty()


def test_a_component_hears_itself_unless_it_wants_others_only(connect: Connect) -> None:
    one, other = connect("token-a"), connect("token-b")
    everything, _ = one.subscribe("t")
    others, _ = one.subscribe("t", others_only=True)
    one.publish("t", {"from": "a"})
    other.publish("t", {"from": "b"})
    assert [everything.get(timeout=WAIT_S)[1]["from"] for _ in range(2)] == ["a", "b"]
    assert others.get(timeout=WAIT_S)[1] == {"from": "b"}
    assert others.empty()


def test_messages_go_to_the_cloud_and_come_from_it(desk: Desk, connect: Connect) -> None:
    client = connect("token-a")
    got, close = client.subscribe_to_iot_core("cmd/#")
    client.publish_to_iot_core("cmd/a", b"\x01\x02")
    assert got.get(timeout=WAIT_S) == ("cmd/a", b"\x01\x02")
    assert [(one.topic, one.payload, one.qos) for one in desk.cloud.published] == [
        ("cmd/a", b"\x01\x02", 1)
    ]
    close()


def test_subscriptions_to_the_cloud_have_a_most_and_one_that_ends_makes_room(
    desk: Desk, connect: Connect
) -> None:
    client, other = connect("token-a"), connect("token-b")
    closes = [client.subscribe_to_iot_core(f"cmd/{n}")[1] for n in range(50)]
    with pytest.raises(OperationError) as caught:
        client.subscribe_to_iot_core("cmd/50")
    assert caught.value.kind == "ServiceError"
    assert desk.operations.subscriptions_refused == 1
    got, _ = other.subscribe_to_iot_core("cmd/+")
    closes[0]()
    client.publish("t", {})  # answered behind the end of the subscription
    client.subscribe_to_iot_core("cmd/50")
    client.publish_to_iot_core("cmd/x", b"1")
    assert got.get(timeout=WAIT_S) == ("cmd/x", b"1")


def test_what_no_policy_grants_is_refused(desk: Desk, connect: Connect) -> None:
    client = connect("token-n")
    client.publish("tidegauge/local/x", {})
    client.publish_to_iot_core("dt/tidegauge/plant/g1/pump", b"x")
    refused: list[Callable[[], Any]] = [
        lambda: client.publish("tidegauge/other", {}),
        lambda: client.subscribe("tidegauge/#"),
        lambda: client.publish_to_iot_core("dt/tidegauge/plant/g2/pump", b"x"),
        lambda: client.subscribe_to_iot_core("dt/tidegauge/plant/g1/pump"),
    ]
    for attempt in refused:
        with pytest.raises(OperationError) as caught:
            attempt()
        assert caught.value.kind == "UnauthorizedError"
    assert len(desk.cloud.published) == 1


def test_configuration_is_read_by_path_and_a_scalar_comes_under_its_key(connect: Connect) -> None:
    client = connect("token-a")
    assert client.configuration(["site"]) == {"site": "plant1"}
    assert client.configuration(["devices", "plc1"]) == {"host": "192.0.2.10", "port": 502}
    assert client.configuration(["tags"]) == {"tags": ["a", "b"]}
    assert set(client.configuration([])) == {"site", "devices", "tags", "accessControl"}
    assert client.configuration(["site"], "io.tidegauge.A") == {"site": "plant1"}
    for path, component in ((["absent"], None), ([], "io.tidegauge.Absent")):
        with pytest.raises(OperationError) as caught:
            client.configuration(path, component)
        assert caught.value.kind == "ResourceNotFoundError"


def test_an_update_tells_each_changed_value_and_an_older_one_changes_nothing(
    connect: Connect,
) -> None:
    client = connect("token-a")
    got, _ = client.configuration_updates([])
    client.update_configuration(["devices"], {"plc1": {"port": 503, "host": "192.0.2.10"}})
    assert got.get(timeout=WAIT_S) == ("io.tidegauge.A", ("devices", "plc1", "port"))
    client.update_configuration([], {"site": "older"}, 1.0)  # as of 1970: later than a default
    assert got.get(timeout=WAIT_S) == ("io.tidegauge.A", ("site",))
    client.update_configuration([], {"site": "plant2"}, 2.0)
    client.update_configuration([], {"site": "plant3"}, 1.5)
    client.update_configuration([], {"devices": {"plc2": {"port": 1}}})
    assert got.get(timeout=WAIT_S)[1] == ("site",)
    assert got.get(timeout=WAIT_S)[1] == ("devices", "plc2", "port")
    assert client.configuration(["site"]) == {"site": "plant2"}
    assert client.configuration(["devices", "plc1", "port"]) == {"port": 503}
    with pytest.raises(OperationError) as caught:
        client.update_configuration([], {"accessControl": {}})
    assert caught.value.kind == "InvalidArgumentsError"
    assert got.empty()


def test_who_listens_to_nothing_is_told_so(connect: Connect) -> None:
    client = connect("token-a")
    with pytest.raises(OperationError) as caught:
        client.configuration_updates(["absent"])
    assert caught.value.kind == "ResourceNotFoundError"


def test_states_are_reported(desk: Desk, connect: Connect) -> None:
    client = connect("token-a")
    client.update_state("RUNNING")
    client.update_state("ERRORED")
    assert desk.nucleus.states == [("io.tidegauge.A", "RUNNING"), ("io.tidegauge.A", "ERRORED")]
    with pytest.raises(OperationError) as caught:
        client.update_state("FINE")
    assert caught.value.kind == "InvalidArgumentsError"


def test_tokens_are_looked_at_for_the_stream_manager_alone(connect: Connect) -> None:
    manager = connect("token-s")
    assert manager.validate_token("token-a") is True
    assert manager.validate_token("token-x") is False
    with pytest.raises(OperationError) as caught:
        connect("token-a").validate_token("token-a")
    assert caught.value.kind == "UnauthorizedError"


def test_a_wrong_token_opens_nothing(connect: Connect) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  each client has its own error
        connect("token-x")
    assert type(caught.value).__name__ in {"AccessDeniedError", TokenRefusedError.__name__}


def test_the_cloud_s_absence_is_an_error_at_once(desk: Desk, connect: Connect) -> None:
    desk.cloud.away = True
    with pytest.raises(OperationError) as caught:
        connect("token-a").publish_to_iot_core("a", b"x")
    assert caught.value.kind == "ServiceError"


def test_errors_have_a_message_on_classic_that_lite_does_not_have(
    desk: Desk, connect: Connect, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(OperationError) as caught:
        connect("token-n").publish("other", {})
    reads_lite = "own" in request.node.name
    assert bool(caught.value.message) == (desk.limits is CLASSIC or reads_lite)


def test_a_long_local_message_passes_on_classic_and_ends_the_connection_on_lite(
    desk: Desk, connect: Connect
) -> None:
    client = connect("token-a")
    client.publish("t", bytes(7_200))
    if desk.limits is CLASSIC:
        client.publish("t", bytes(200_000))
        return
    with pytest.raises(Exception) as caught:  # noqa: PT011  each client has its own error
        client.publish("t", bytes(7_400))
    assert type(caught.value).__name__ in {"StreamClosedError", "ConnectionLostError"}


def test_a_long_payload_for_the_cloud_is_refused_as_each_nucleus_does(
    desk: Desk, connect: Connect
) -> None:
    client = connect("token-a")
    most = desk.limits.iot_core_payload_bytes_max
    client.publish_to_iot_core("a", bytes(most))
    with pytest.raises(OperationError) as caught:
        client.publish_to_iot_core("a", bytes(most + 100))
    assert caught.value.kind == "ServiceError"


def test_a_long_value_of_configuration_is_refused_on_lite(desk: Desk, connect: Connect) -> None:
    client = connect("token-a")
    client.update_configuration([], {"note": "x" * 1_022})
    if desk.limits is CLASSIC:
        client.update_configuration([], {"note": "x" * 1_023})
        return
    with pytest.raises(OperationError) as caught:
        client.update_configuration([], {"note": "x" * 1_023})
    assert caught.value.kind == "ServiceError"
    client.update_configuration([], {f"n{n}": "x" * 1_000 for n in range(9)})
    client.update_configuration([], {"n9": "x" * 1_000})
    with pytest.raises(OperationError) as caught:
        client.configuration([])
    assert caught.value.kind == "ServiceError"
    assert client.configuration(["n9"])["n9"] == "x" * 1_000
