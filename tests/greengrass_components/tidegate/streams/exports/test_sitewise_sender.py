import json
from collections.abc import Callable

import pytest

import stream_manager as sdk
from tests.greengrass_components.tidegate.streams.exports.http_endpoint import (
    HttpEndpoint,
    Request,
)
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tests.local_cloud import wait_for


def entry(entry_id: str, alias: str) -> bytes:
    """Return an entry as AWS's SDK writes it."""
    value = sdk.AssetPropertyValue(
        value=sdk.Variant(double_value=1.5),
        quality=sdk.Quality.GOOD,
        timestamp=sdk.TimeInNanos(time_in_seconds=1_795_000_000, offset_in_nanos=7),
    )
    return sdk.util.Util.validate_and_serialize_to_json_bytes(
        sdk.PutAssetPropertyValueEntry(
            entry_id=entry_id, property_alias=alias, property_values=[value]
        )
    )


class SiteWise:
    """Refuses each alias as it is told, the first time or always; keeps what it takes."""

    def __init__(self, **refusals: tuple[str, bool]) -> None:
        self.refusals = dict(refusals)
        self.taken: list[str] = []

    def __call__(self, request: Request) -> bytes:
        assert (request.method, request.path) == ("POST", "/properties")
        entries = json.loads(request.body)["entries"]
        assert len(entries) <= 10
        assert len({one["entryId"] for one in entries}) == len(entries)
        errors = []
        for one in entries:
            code, always = self.refusals.get(one["propertyAlias"], (None, False))
            if code is None:
                self.taken.append(one["propertyAlias"])
                continue
            if not always:
                del self.refusals[one["propertyAlias"]]
            error = {"errorCode": code, "errorMessage": "no", "timestamps": []}
            errors.append({"entryId": one["entryId"], "errors": [error]})
        return json.dumps({"errorEntries": errors}).encode()


def test_entries_of_the_sdk_arrive_once_and_what_is_hopeless_is_passed_over(
    exporting: Callable[..., Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
    site = SiteWise(
        a3=("ThrottlingException", False),
        a5=("ResourceNotFoundException", True),
        a8=("InternalFailureException", False),
    )
    with HttpEndpoint(answer=site) as server:
        client = sdk.StreamManagerClient(port=exporting(iotsitewise=server.url).port)
        exports = sdk.ExportDefinition(iot_sitewise=[sdk.IoTSiteWiseConfig("w", batch_size=10)])
        reject = sdk.StrategyOnFull.RejectNewData
        client.create_message_stream(
            sdk.MessageStreamDefinition("s", strategy_on_full=reject, export_definition=exports)
        )
        payloads = [entry(str(number % 7), f"a{number}") for number in range(20)]
        payloads.insert(4, b"no entry")
        for payload in payloads:
            client.append_message("s", payload)

        def finished() -> bool:
            (status,) = client.describe_message_stream("s").export_statuses
            return bool(status.last_exported_sequence_number == 20)

        wait_for("all", finished)
        client.close()
    assert sorted(site.taken) == sorted({f"a{number}" for number in range(20)} - {"a5"})
