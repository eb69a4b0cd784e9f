"""The services that rules, mappings and control planes call; all raise `ServiceCallError`."""

import base64
from dataclasses import dataclass
from typing import Any, cast

from tidelocal.errors import ServiceCallError
from tidelocal.host.answers import raise_for
from tidelocal.host.modules import Modules
from tidelocal.host.place import Place
from tidelocal.host.scopes import Scopes
from tidelocal.host.streams import HostedStreams


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a function answered; `error` is the text of what it raised."""

    payload: Any
    error: str | None


class HostedServices:
    """Kinesis, S3, SQS, Lambda, Secrets Manager and IoT, as clients of an account see them."""

    def __init__(self, m: Modules, place: Place, scopes: Scopes, streams: HostedStreams) -> None:
        self._iot, self._kinesis, self._lambda = m["iot"], m["kinesis"], m["lambda_svc"]
        self._s3, self._sqs, self._secrets = m["s3"], m["sqs"], m["secretsmanager"]
        self._place, self._scopes, self._streams = place, scopes, streams

    async def publish(
        self, account: str, region: str, topic: str, payload: bytes, *, qos: int, role: str
    ) -> None:
        """Publish as the rule role `role`."""
        principal = self._iot._rule_role_principal(account, role)
        with self._scopes.scope(account, region):
            await self._iot.broker_publish(
                account, region, topic, payload, qos=qos, principal=principal
            )

    def put_record(self, account: str, region: str, *, stream: str, key: str, data: bytes) -> None:
        """Append `data` to a stream."""
        self._streams.adopt()
        text = base64.b64encode(data).decode()
        with self._scopes.scope(account, region):
            answer = self._kinesis._put_record(
                {"StreamName": stream, "PartitionKey": key, "Data": text}
            )
        raise_for("kinesis", answer)

    async def put_object(
        self,
        account: str,
        region: str,
        *,
        bucket: str,
        key: str,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        """Write an object."""
        with self._scopes.scope(account, region):
            answer = await self._s3.handle_request(
                "PUT", f"/{bucket}/{key}", headers, body, {}, internal=True
            )
        raise_for("s3", answer)

    def read_object(  # noqa: PLR0917 where, as whom, what
        self, account: str, region: str, role: str, bucket: str, key: str, version: str | None
    ) -> bytes | None:
        """Read an object as IoT reads it in the role `role`; None when it may not or can't."""
        wanted = [("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")]
        with self._scopes.scope(account, region):
            if not self._iot._provisioning_role_allows(role, wanted):
                return None
            return cast("bytes | None", self._s3._get_object_data(bucket, key, version))

    def object_data(self, account: str, region: str, bucket: str, key: str) -> bytes | None:
        """Read an object as the account itself; None when there is none."""
        with self._scopes.scope(account, region):
            return cast("bytes | None", self._s3._get_object_data(bucket, key, None))

    def presigned_url(self, region: str, bucket: str, key: str, lasts_s: int) -> str:
        """Return an address that anybody may read an object from, for a while."""
        import boto3  # noqa: PLC0415 only who deploys to gateways pays for it

        client = boto3.client(
            "s3",
            endpoint_url=self._place.http_url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 the root of every local cloud
        )
        return str(
            client.generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=lasts_s
            )
        )

    def send_message(self, account: str, region: str, queue_url: str, body: str) -> None:
        """Send to a queue."""
        with self._scopes.scope(account, region):
            try:
                self._sqs._act_send_message({"MessageBody": body}, queue_url)
            except self._sqs._Err as error:
                raise ServiceCallError("sqs", error.code, error.message) from error

    def queue_url(self, queue_arn: str) -> str:
        """Return the address of the queue `queue_arn`."""
        for queue_url, queue in self._sqs._queues.all_items():
            if queue.get("attributes", {}).get("QueueArn") == queue_arn:
                return str(queue_url[-1])
        raise ServiceCallError("sqs", "QueueDoesNotExist", queue_arn)

    def invoke(self, function_arn: str, event: Any) -> FunctionResult:
        """Run a function and wait for it: call it in a thread."""
        _prefix, _arn, _service, region, account, *_rest = function_arn.split(":")
        function, config, _name = self._lambda._get_func_record_for_ref_in_scope(
            function_arn, account_id=account, region=region
        )
        if not function or not config:
            raise ServiceCallError("lambda", "ResourceNotFoundException", function_arn)
        record = self._lambda._execution_record_for_config(function, config)
        with self._scopes.scope(account, region):
            answer = self._lambda._execute_function_with_config_scope(record, event)
        body = answer.get("body")
        if answer.get("error"):
            text = body.get("errorMessage") if isinstance(body, dict) else body
            return FunctionResult(payload=None, error=str(text or "the function failed"))
        return FunctionResult(payload=body, error=None)

    def invoke_later(self, account: str, region: str, function_arn: str, event: Any) -> None:
        """Run a function without waiting for it."""
        self._iot._dispatch_rule_to_lambda(account, region, function_arn, event)

    def put_secret(self, name: str, text: str) -> str:
        """Keep `text` as the secret `name` and return its ARN, which stays as long as the name."""
        if name in self._secrets._secrets:
            put = self._secrets._put_secret_value({"SecretId": name, "SecretString": text})
        else:
            put = self._secrets._create_secret({"Name": name, "SecretString": text})
        raise_for("secretsmanager", put)
        return str(self._secrets._secrets[name]["ARN"])

    def delete_secret(self, name: str) -> None:
        """Forget a secret at once."""
        if name in self._secrets._secrets:
            self._secrets._delete_secret({"SecretId": name, "ForceDeleteWithoutRecovery": True})
