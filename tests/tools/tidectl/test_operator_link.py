"""The operator's connection, over the real broker's WebSocket."""

from dataclasses import replace

import pytest

from tests.local_cloud import CloudProcess
from tidectl.errors import TidectlError
from tidectl.operator_link import OperatorLink
from tidectl.target import Target


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
