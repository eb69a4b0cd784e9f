"""AWS's stream-manager SDK 1.1.2, unchanged: every call, and every status that it can meet."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from stream_manager.data import (
    AppendMessageRequest,
    MessageFrame,
    Operation,
    ResponseStatusCode,
)
from stream_manager.utilinternal import UtilInternal

import stream_manager as sdk
from tests.greengrass_components.tidegate.streams.manager import Manager

Connect = Callable[..., sdk.StreamManagerClient]
REJECT, OVERWRITE = sdk.StrategyOnFull.RejectNewData, sdk.StrategyOnFull.OverwriteOldestData


def define(name: str = "s", **options: Any) -> sdk.MessageStreamDefinition:
    return sdk.MessageStreamDefinition(**{"name": name, "strategy_on_full": REJECT, **options})


def test_it_creates_appends_reads_lists_describes_updates_and_deletes(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(define("s"))
    client.create_message_stream(
        define("ein anderer Strom_1.x", persistence=sdk.Persistence.Memory)
    )
    assert client.list_streams() == ["ein anderer Strom_1.x", "s"]
    for name in client.list_streams():
        assert [client.append_message(name, b"%d" % number) for number in range(5)] == [*range(5)]
        options = sdk.ReadMessagesOptions(2, min_message_count=2, max_message_count=9)
        messages = client.read_messages(name, options)
        assert [(m.stream_name, m.sequence_number, m.payload) for m in messages] == [
            (name, number, b"%d" % number) for number in (2, 3, 4)
        ]
        assert all(message.ingest_time > 1_700_000_000_000 for message in messages)
        assert len(client.read_messages(name)) == 1, "one message where nothing is asked"
    info = client.describe_message_stream("s")
    assert (info.storage_status.oldest_sequence_number, info.storage_status.total_bytes) == (0, 125)
    assert info.storage_status.newest_sequence_number == 4
    assert (info.definition.max_size, info.definition.persistence) == (
        268_435_456,
        sdk.Persistence.File,
    )
    client.update_message_stream(define("s", max_size=32 << 20, strategy_on_full=OVERWRITE))
    definition = client.describe_message_stream("s").definition
    assert (definition.max_size, definition.strategy_on_full) == (32 << 20, OVERWRITE)
    client.delete_message_stream("s")
    assert client.list_streams() == ["ein anderer Strom_1.x"]


def test_a_large_message_and_one_byte_come_back_as_they_went(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(define())
    payloads = [b"\0", os.urandom(1_000_000), os.urandom(70_000)]
    for payload in payloads:
        client.append_message("s", payload)
    options = sdk.ReadMessagesOptions(0, min_message_count=3, max_message_count=3)
    assert [message.payload for message in client.read_messages("s", options)] == payloads


def test_streams_in_files_and_their_settings_survive_a_new_start(
    manager: Manager, client: sdk.StreamManagerClient
) -> None:
    client.create_message_stream(define(time_to_live_millis=60_000, flush_on_write=True))
    client.create_message_stream(define("m", persistence=sdk.Persistence.Memory))
    client.append_message("s", b"kept")
    manager.stop()
    manager.start()
    assert client.list_streams() == ["s"], "the SDK connects again; what was in memory is gone"
    definition = client.describe_message_stream("s").definition
    assert (definition.time_to_live_millis, definition.flush_on_write) == (60_000, True)
    assert client.append_message("s", b"next") == 1
    assert client.read_messages("s")[0].payload == b"kept"


def test_overwriting_drops_the_oldest_segments_and_keeps_the_size(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(
        define(max_size=8_192, stream_segment_size=2_048, strategy_on_full=OVERWRITE)
    )
    for number in range(40):
        assert client.append_message("s", b"x" * 500) == number
    status = client.describe_message_stream("s").storage_status
    assert status.newest_sequence_number == 39
    assert 6_144 <= status.total_bytes <= 8_192
    assert status.oldest_sequence_number > 0
    first = client.read_messages("s", sdk.ReadMessagesOptions(0))[0]
    assert first.sequence_number == status.oldest_sequence_number, "a start below the oldest"


def test_a_full_stream_that_rejects_says_so_and_keeps_what_it_has(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(define(max_size=2_048, stream_segment_size=1_024))
    client.append_message("s", b"x" * 900)
    client.append_message("s", b"x" * 900)
    with pytest.raises(sdk.ServerOutOfMemoryException, match="full"):
        client.append_message("s", b"y" * 900)
    assert client.append_message("s", b"z" * 100) == 2, "a smaller one fits"


def test_a_read_waits_and_is_answered_when_there_is_enough(
    client: sdk.StreamManagerClient, connect: Connect
) -> None:
    client.create_message_stream(define())
    client.append_message("s", b"0")
    other = connect()
    found: list[list[sdk.Message]] = []
    options = sdk.ReadMessagesOptions(0, 3, 10, read_timeout_millis=20_000)
    reading = threading.Thread(target=lambda: found.append(other.read_messages("s", options)))
    reading.start()
    client.append_message("s", b"1")
    client.append_message("s", b"2")
    reading.join(10)
    assert [message.payload for message in found[0]] == [b"0", b"1", b"2"]


def test_many_long_polls_and_appends_share_one_connection(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(define())
    loop = client._StreamManagerClient__loop

    async def both() -> list[int]:
        polls = [
            client._read_messages(
                "s", sdk.ReadMessagesOptions(0, count, count, read_timeout_millis=20_000)
            )
            for count in range(1, 21)
        ]
        waiting = [asyncio.ensure_future(poll) for poll in polls]
        for number in range(20):
            assert await client._append_message("s", b"x") == number
        return [len(messages) for messages in await asyncio.gather(*waiting)]

    assert UtilInternal.sync(both(), loop=loop) == list(range(1, 21))


def test_a_long_poll_is_answered_before_the_clients_own_deadline(connect: Connect) -> None:
    client = connect(request_timeout=1)
    client.create_message_stream(define())
    for _ in range(2):  # the client would never read again if an answer had come late
        with pytest.raises(sdk.NotEnoughMessagesException):
            client.read_messages("s", sdk.ReadMessagesOptions(0, read_timeout_millis=1_000))
    assert client.append_message("s", b"x") == 0


def test_reading_more_than_there_is_says_so_at_once(client: sdk.StreamManagerClient) -> None:
    client.create_message_stream(define())
    client.append_message("s", b"x")
    for options in (sdk.ReadMessagesOptions(0, 2, 2), sdk.ReadMessagesOptions(1)):
        with pytest.raises(sdk.NotEnoughMessagesException) as error:
            client.read_messages("s", options)
        assert error.value.status == ResponseStatusCode.NotEnoughMessages


def test_a_stream_that_is_not_there_is_not_found_by_any_call(
    client: sdk.StreamManagerClient,
) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: client.append_message("none", b"x"),
        lambda: client.read_messages("none"),
        lambda: client.describe_message_stream("none"),
        lambda: client.delete_message_stream("none"),
        lambda: client.update_message_stream(define("none")),
    ]
    for call in calls:
        with pytest.raises(sdk.ResourceNotFoundException, match="none"):
            call()


def test_a_stream_that_is_there_and_exports_not_offered_are_invalid_requests(
    client: sdk.StreamManagerClient,
) -> None:
    client.create_message_stream(define())
    with pytest.raises(sdk.InvalidRequestException, match="exists"):
        client.create_message_stream(define())
    analytics = sdk.IoTAnalyticsConfig(identifier="a", iot_channel="c")
    exports = sdk.ExportDefinition(iot_analytics=[analytics])
    with pytest.raises(sdk.InvalidRequestException, match="iotAnalytics"):
        client.create_message_stream(define("other", export_definition=exports))
    twice = [sdk.KinesisConfig(identifier="k", kinesis_stream_name="x")] * 2
    with pytest.raises(sdk.InvalidRequestException, match="twice: k"):
        client.create_message_stream(
            define("other", export_definition=sdk.ExportDefinition(kinesis=twice))
        )


def test_what_an_update_may_not_change_is_refused(client: sdk.StreamManagerClient) -> None:
    client.create_message_stream(define(max_size=65_536, stream_segment_size=8_192))
    for _ in range(10):
        client.append_message("s", b"x" * 2_000)
    for wrong in (
        {"persistence": sdk.Persistence.Memory},
        {"max_size": 10_000, "stream_segment_size": 8_192},
        {"max_size": 65_536, "stream_segment_size": 131_072},
        {
            "max_size": 65_536,
            "stream_segment_size": 8_192,
            "export_definition": sdk.ExportDefinition(
                kinesis=[
                    sdk.KinesisConfig(
                        identifier="k", kinesis_stream_name="x", start_sequence_number=10
                    )
                ]
            ),
        },
    ):
        with pytest.raises(sdk.UpdateNotAllowedException):
            client.update_message_stream(define(**wrong))
    assert client.describe_message_stream("s").definition.max_size == 65_536


def test_an_update_drops_and_adds_exports_and_moves_their_start(
    client: sdk.StreamManagerClient,
) -> None:
    def exporting(**starts: int | None) -> sdk.MessageStreamDefinition:
        configs = [
            sdk.HTTPConfig(name, "http://127.0.0.1:9/", start_sequence_number=start, disabled=True)
            for name, start in starts.items()
        ]
        return define(export_definition=sdk.ExportDefinition(http=configs))

    client.create_message_stream(exporting(a=None, b=None))
    for _ in range(10):
        client.append_message("s", b"x")
    client.update_message_stream(exporting(a=7, c=3))
    statuses = client.describe_message_stream("s").export_statuses
    assert [(s.export_config_identifier, s.last_exported_sequence_number) for s in statuses] == [
        ("a", 6),
        ("c", 2),
    ]


def test_a_definition_that_cannot_be_stored_fails_the_update(
    manager: Manager, client: sdk.StreamManagerClient
) -> None:
    client.create_message_stream(define())
    (manager.root / "s" / "definition.json.new").mkdir()  # where the next one is written first
    with pytest.raises(sdk.UpdateFailedException):
        client.update_message_stream(define(max_size=32 << 20))
    assert client.describe_message_stream("s").definition.max_size == 268_435_456


def test_a_store_that_cannot_be_read_says_so(
    manager: Manager, client: sdk.StreamManagerClient
) -> None:
    client.create_message_stream(define(max_size=4_096, stream_segment_size=1_024))
    for _ in range(3):
        client.append_message("s", b"x" * 900)
    (manager.root / "s" / f"{0:020d}.seg").unlink()
    with pytest.raises(sdk.MessageStoreReadErrorException):
        client.read_messages("s")


def test_an_answer_that_would_be_too_large_says_so(client: sdk.StreamManagerClient) -> None:
    client.create_message_stream(define())
    for _ in range(5):
        client.append_message("s", bytes(1_000_000))
    with pytest.raises(sdk.ResponsePayloadTooLargeException, match="lower minMessageCount"):
        client.read_messages("s", sdk.ReadMessagesOptions(0, 5, 5))
    assert len(client.read_messages("s", sdk.ReadMessagesOptions(0, 1, 5))) == 4


@pytest.mark.parametrize("size", [1_048_000, 1_100_000, 20_000_000])
def test_a_message_that_is_too_large_is_refused_and_the_connection_goes_on(
    client: sdk.StreamManagerClient, size: int
) -> None:
    client.create_message_stream(define())
    with pytest.raises(sdk.RequestPayloadTooLargeException):
        client.append_message("s", bytes(size))
    assert client.append_message("s", b"x") == 0


@pytest.mark.parametrize("token", [None, "wrong"])
def test_who_has_no_good_token_does_not_come_in(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.delenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
    with pytest.raises(sdk.ConnectFailedException):
        sdk.StreamManagerClient(port=manager.port)


def test_an_unknown_operation_is_answered_and_the_connection_goes_on(
    client: sdk.StreamManagerClient,
) -> None:
    async def send(operation: int) -> Any:
        request = AppendMessageRequest(request_id="r1", name="s", payload=b"x")
        frame = MessageFrame(operation=Operation.AppendMessage, payload=b"")
        frame.operation = Operation.UnknownOperationError
        assert operation == frame.operation.value
        return await client._StreamManagerClient__send_and_receive(frame.operation, request)

    response = UtilInternal.sync(send(17), loop=client._StreamManagerClient__loop)
    assert response.status == ResponseStatusCode.UnknownOperation
    with pytest.raises(sdk.UnknownOperationException):
        UtilInternal.raise_on_error_response(response)
    assert client.list_streams() == []
