"""CloudFormation types that are ours: the IoT rule, and the two kinds of Timestream.

Flow: stack -> host -> [resource types] -> rules | time-series store | Secrets Manager
Called on the loop, so everything here is short.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tidelocal.host import Answer, Host, ResourceType

Attributes = dict[str, str]
Properties = dict[str, Any]
# Maps whose keys are the user's own words; every other key is a name of the API.
_USER_MAPS = frozenset({"Tags"})
# The only parameter group that makes the InfluxDB 3 that runs here.
_INFLUXDB_3_GROUPS = frozenset({"InfluxDBV3Core", "InfluxDBV3Enterprise"})
HTTP_ERROR = 400


class TopicRuleType:
    """`AWS::IoT::TopicRule`: Ref is the rule's name, attribute Arn."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def kind(self) -> ResourceType:
        """Return what the host registers."""
        return ResourceType(self.create, self.update, self.delete)

    def create(self, logical_id: str, props: Properties, stack: str) -> tuple[str, Attributes]:
        """Make the rule; a ValueError says why it can't run."""
        name = props.get("RuleName") or f"{stack}_{logical_id}".replace("-", "_")
        if self._host.rules.has(name):
            raise ValueError(f"rule {name} exists already, outside this stack")
        return self._put(name, props)

    def update(
        self, physical_id: str, old: Properties, new: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Replace the rule; under a new name the new one is made before the old one goes."""
        name = new.get("RuleName") or physical_id
        if name == physical_id:
            return self._put(name, new)
        made = self.create("", {**new, "RuleName": name}, stack)
        self.delete(physical_id, old)
        return made

    def delete(self, physical_id: str, _props: Properties) -> None:
        """Forget the rule."""
        self._host.rules.delete(physical_id)

    def _put(self, name: str, props: Properties) -> tuple[str, Attributes]:
        payload = api_shape(props.get("TopicRulePayload") or {})
        arn = self._host.rules.put(name, payload, props.get("Tags") or [])
        return name, {"Arn": arn}


class StoreType:
    """`AWS::Timestream::InfluxDBCluster`: the local store under AWS's name for it."""

    def __init__(self, host: Host, *, address: str, port: int, token: str) -> None:
        self._host, self._address, self._port, self._token = host, address, port, token

    def kind(self) -> ResourceType:
        """Return what the host registers."""
        return ResourceType(self.create, self.update, self.delete)

    def create(self, logical_id: str, props: Properties, stack: str) -> tuple[str, Attributes]:
        """Point at the local store and keep its token as a secret."""
        group = props.get("DbParameterGroupIdentifier")
        if group not in _INFLUXDB_3_GROUPS:
            raise ValueError(
                f"DbParameterGroupIdentifier {group!r}: InfluxDB 3 alone runs here, "
                f"which is one of {sorted(_INFLUXDB_3_GROUPS)}"
            )
        port = int(props.get("Port") or 0)
        if port != self._port:
            raise ValueError(f"Port {port}: the local store listens on {self._port}")
        identifier = str(props.get("Name") or f"{stack}-{logical_id}").lower()
        return identifier, self._attributes(identifier)

    def update(
        self, physical_id: str, _old: Properties, new: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Check the new properties; the store itself does not move."""
        return self.create(physical_id, {**new, "Name": physical_id}, stack)

    def delete(self, physical_id: str, _props: Properties) -> None:
        """Forget the secret; the samples stay where they are."""
        self._host.services.delete_secret(_secret_name(physical_id))

    def _attributes(self, identifier: str) -> Attributes:
        secret_arn = self._host.services.put_secret(
            _secret_name(identifier), json.dumps({"token": self._token})
        )
        account, region = self._host.scopes.caller()
        return {
            "Id": identifier,
            "Arn": f"arn:aws:timestream-influxdb:{region}:{account}:db-cluster/{identifier}",
            "Endpoint": self._address,
            "InfluxAuthParametersSecretArn": secret_arn,
            "EngineType": "INFLUXDB_V3_CORE",
            "Status": "AVAILABLE",
        }


Call = Callable[[str, bytes], Awaitable[Answer]]


class LiveAnalyticsType:
    """`AWS::Timestream::Database` and `::Table`, made through the store's own API.

    Ref of a database is its name, of a table `database|table`; both have Arn, a table Name.
    """

    def __init__(self, call: Call) -> None:
        self._call = call

    def database_kind(self) -> ResourceType:
        """Return what the host registers for databases."""
        return ResourceType(self.create_database, self.update_database, self.delete_database)

    def table_kind(self) -> ResourceType:
        """Return what the host registers for tables."""
        return ResourceType(self.create_table, self.update_table, self.delete_table)

    def create_database(
        self, logical_id: str, props: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Make the database, or take over the one that an earlier stack retained."""
        name = props.get("DatabaseName") or f"{stack}-{logical_id}"
        answer = self._ask("CreateDatabase", {"DatabaseName": name}, instead="DescribeDatabase")
        return name, {"Arn": answer["Database"]["Arn"]}

    def update_database(
        self, physical_id: str, _old: Properties, new: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Make a database of another name; the old one stays, as the template retains it."""
        return self.create_database(physical_id, {"DatabaseName": physical_id, **new}, stack)

    def delete_database(self, physical_id: str, _props: Properties) -> None:
        """Delete the database; the store refuses while it has tables."""
        self._ask("DeleteDatabase", {"DatabaseName": physical_id}, missing_is_fine=True)

    def create_table(
        self, logical_id: str, props: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Make the table, or take over the one that an earlier stack retained."""
        name = props.get("TableName") or f"{stack}-{logical_id}"
        request = {**_api_values(props), "TableName": name}
        request.pop("Tags", None)
        answer = self._ask("CreateTable", request, instead="UpdateTable")
        database = props["DatabaseName"]
        return f"{database}|{name}", {"Arn": answer["Table"]["Arn"], "Name": name}

    def update_table(
        self, physical_id: str, _old: Properties, new: Properties, stack: str
    ) -> tuple[str, Attributes]:
        """Change retention and magnetic writes."""
        _database, name = physical_id.split("|")
        return self.create_table(physical_id, {"TableName": name, **new}, stack)

    def delete_table(self, physical_id: str, _props: Properties) -> None:
        """Delete the table and what it holds."""
        database, name = physical_id.split("|")
        request = {"DatabaseName": database, "TableName": name}
        self._ask("DeleteTable", request, missing_is_fine=True)

    def _ask(
        self,
        operation: str,
        request: Mapping[str, Any],
        *,
        instead: str = "",
        missing_is_fine: bool = False,
    ) -> dict[str, Any]:
        """Call the store; `instead` is called when what `operation` makes exists already."""
        status, answer = self._run(operation, request)
        if status < HTTP_ERROR:
            return answer
        kind = answer.get("__type", "").rpartition("#")[2]
        if kind == "ConflictException" and instead:
            return self._ask(instead, request)
        if kind == "ResourceNotFoundException" and missing_is_fine:
            return {}
        raise ValueError(f"Timestream {operation}: {kind}: {answer.get('message', '')}")

    def _run(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        target, body = f"Timestream_20181101.{operation}", json.dumps(request).encode()

        async def call() -> Answer:
            return await self._call(target, body)

        # CloudFormation calls us on the loop and wants the result now; the store answers from
        # its own threads, so a loop of its own for these milliseconds can't deadlock.
        with ThreadPoolExecutor(1) as pool:
            status, _headers, content = pool.submit(lambda: asyncio.run(call())).result()
        return status, json.loads(content or b"{}")


def api_shape(value: Any) -> Any:
    """Return CloudFormation's names as the IoT API writes them; users' own keys stay."""
    if isinstance(value, list):
        return [api_shape(item) for item in value]
    if isinstance(value, dict):
        return {
            key[:1].lower() + key[1:]: inner if key in _USER_MAPS else api_shape(inner)
            for key, inner in value.items()
        }
    return value


def _api_values(value: Any) -> Any:
    """Return CloudFormation's texts as the numbers and truths that the API wants."""
    if isinstance(value, list):
        return [_api_values(item) for item in value]
    if isinstance(value, dict):
        return {
            key: int(inner)
            if key.startswith(("MemoryStoreRetention", "MagneticStoreRetention"))
            else str(inner).lower() == "true"
            if key == "EnableMagneticStoreWrites"
            else _api_values(inner)
            for key, inner in value.items()
        }
    return value


def _secret_name(identifier: str) -> str:
    return f"READONLY-InfluxDB-auth-parameters-{identifier}"
