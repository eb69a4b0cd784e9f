"""The store's token is read once, again after a refusal, and never shown."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from tidecloud import StoreBusyError
from tidecloud.secret import SecretToken, token_of

ARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:store"


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client(
        "secretsmanager",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with Stubber(client) as stub:
        yield stub


def test_the_secret_is_read_once_until_it_is_forgotten(stub: Stubber) -> None:
    token = SecretToken(secrets=stub.client, secret_arn=ARN)
    stub.add_response("get_secret_value", {"SecretString": '{"token": "one"}'}, {"SecretId": ARN})
    assert (token.read(), token.read()) == ("one", "one")
    stub.add_response("get_secret_value", {"SecretString": '{"token": "two"}'}, {"SecretId": ARN})
    token.forget()
    assert token.read() == "two"
    stub.assert_no_pending_responses()


def test_a_secret_that_can_not_be_read_makes_the_store_busy(stub: Stubber) -> None:
    token = SecretToken(secrets=stub.client, secret_arn=ARN)
    stub.add_client_error("get_secret_value", "ThrottlingException", "slow down", 400)
    with pytest.raises(StoreBusyError, match="slow down"):
        token.read()


def test_a_bare_token_is_a_token() -> None:
    assert token_of("apiv3_abc\n") == "apiv3_abc"


@pytest.mark.parametrize("secret", ['{"password": "hunter2"}', '{"token": ""}', '["hunter2"]'])
def test_a_secret_without_a_token_is_told_but_not_quoted(secret: str) -> None:
    with pytest.raises(StoreBusyError) as caught:
        token_of(secret)
    assert "hunter2" not in str(caught.value)
