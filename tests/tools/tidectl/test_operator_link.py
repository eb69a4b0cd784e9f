"""The operator's connection, over the real broker's WebSocket."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from awscrt.http import HttpRequest

from tests.local_cloud import CloudProcess
from tidectl.errors import TidectlError
from tidectl.operator_link import OperatorLink
from tidectl.target import Broker, Target


def test_what_is_published_is_heard(deployed: Target) -> None:
    with OperatorLink(deployed) as link:
        link.subscribe("operator/test/+")
        link.publish("operator/test/1", b"here")
        assert link.receive(5) == ("operator/test/1", b"here")
        assert link.receive(0.05) is None


def test_a_broker_that_is_not_there_is_one_clear_line(
    deployed: Target, local_cloud: CloudProcess
) -> None:
    assert deployed.local
    nowhere = replace(deployed, local=replace(deployed.local, http_url="http://127.0.0.1:9"))
    with pytest.raises(TidectlError, match=r"can't connect to the broker of the local cloud"):
        OperatorLink(nowhere).__enter__()
    assert local_cloud.process
    assert local_cloud.process.poll() is None


class OnAws(Target):
    """AWS as far as making a connection needs it; nobody is called."""

    def broker(self) -> Broker:
        return Broker("abc-ats.iot.eu-west-1.amazonaws.com", 8883, b"")


def test_on_aws_it_is_tls_at_the_port_of_web_sockets() -> None:
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    session = boto3.Session(region_name="eu-west-1", aws_session_token="token", **keys)
    link = OperatorLink(OnAws("aws", session))
    (host, port), tls = link._endpoint()
    assert (host, port, tls is not None) == ("abc-ats.iot.eu-west-1.amazonaws.com", 443, True)


def test_the_handshake_is_signed_and_the_token_stands_beside_the_signature() -> None:
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    session = boto3.Session(region_name="eu-west-1", aws_session_token="to/ken", **keys)
    request = HttpRequest("GET", "/mqtt")
    request.headers.add("Host", "abc-ats.iot.eu-west-1.amazonaws.com")
    done: Future[None] = Future()
    arguments = SimpleNamespace(
        http_request=request,
        set_done=lambda error=None: done.set_exception(error) if error else done.set_result(None),
    )
    OperatorLink(OnAws("aws", session))._sign(arguments)
    done.result(10)
    query = parse_qs(urlsplit(request.path).query)
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/iotdevicegateway/aws4_request")
    assert query["X-Amz-Security-Token"] == ["to/ken"]
    assert len(query["X-Amz-Signature"][0]) == 64
    assert "secret" not in request.path
