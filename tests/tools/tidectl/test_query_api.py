"""The query API as tidectl asks it: answers, mistakes, refusals, absence."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import boto3
import pytest

from tests.line.line import Line
from tests.local_cloud import CloudProcess
from tests.tools.tidectl.publishing import SAMPLES, Publisher
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.query_api import Answer, NothingStoredError, QueryApi, StoreUnavailableError
from tidectl.target import Target


@pytest.fixture(scope="module")
def asking(deployed: Target, tmp_path_factory: pytest.TempPathFactory) -> QueryApi:
    """The API of a store that has the samples of one thing."""
    publisher = Publisher(deployed, Home(tmp_path_factory.mktemp("query_api")), "asked")
    publisher.send([0], measurement="query_api")
    publisher.entries(1)
    publisher.close()
    return QueryApi(deployed)


def test_an_answer_has_columns_types_and_rows(asking: QueryApi) -> None:
    answer = asking.ask("SELECT thing, temperature_c FROM query_api ORDER BY time LIMIT 2")
    assert answer == Answer(
        ("thing", "temperature_c"),
        ("string", "double"),
        [["asked", 20.5], ["asked", 21.5]],
        truncated=False,
    )
    assert answer.dicts()[0] == {"thing": "asked", "temperature_c": 20.5}
    assert asking.ask("SELECT COUNT(*) FROM query_api").one() == SAMPLES


@pytest.mark.usefixtures("asking")
def test_an_answer_that_is_cut_says_so(deployed: Target) -> None:
    answer = QueryApi(deployed, rows_max=3).ask("SELECT time FROM query_api")
    assert (len(answer.rows), answer.truncated) == (3, True)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELEC 1", "begins with one of SELECT"),
        ("DELETE FROM query_api", "begins with one of SELECT"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT nope FROM query_api", "nope"),
        ("", "sql must be a text"),
    ],
)
def test_a_mistake_is_told_in_the_stores_words(sql: str, reason: str, asking: QueryApi) -> None:
    with pytest.raises(TidectlError, match=reason) as caught:
        asking.ask(sql)
    assert not isinstance(caught.value, StoreUnavailableError)
    assert caught.value.hint


def test_a_table_that_is_not_there_yet_is_told_apart_from_a_mistake(asking: QueryApi) -> None:
    with pytest.raises(NothingStoredError, match="nowhere") as caught:
        asking.ask("SELECT * FROM nowhere")
    assert "tidectl status" in caught.value.hint


def test_a_user_without_rights_is_refused_with_the_right_that_is_missing(
    deployed: Target, local_cloud: CloudProcess
) -> None:
    iam = local_cloud.client("iam")
    iam.create_user(UserName="query-api-nobody")
    statement = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    iam.put_user_policy(
        UserName="query-api-nobody",
        PolicyName="look",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = iam.create_access_key(UserName="query-api-nobody")["AccessKey"]
    session = boto3.Session(
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        region_name=deployed.region,
    )
    with pytest.raises(TidectlError, match="refused your credentials") as caught:
        QueryApi(replace(deployed, session=session)).ask("SELECT 1")
    assert "execute-api:Invoke" in caught.value.hint


def test_an_absent_store_is_told_as_something_to_try_again(line: Line) -> None:
    with _store_at(line, "http://127.0.0.1:9"):
        with pytest.raises(StoreUnavailableError, match="503") as caught:
            QueryApi(line.target).ask("SELECT 1")
        assert "try again" in caught.value.hint


def test_an_api_that_is_gone_is_told_as_something_to_try_again(line: Line) -> None:
    api = QueryApi(line.target)
    line.process.stop()
    with pytest.raises(StoreUnavailableError, match="does not answer") as caught:
        api.ask("SELECT 1")
    assert caught.value.hint == "tidectl status"


@contextmanager
def _store_at(line: Line, url: str) -> Iterator[None]:
    """Let the query function look for the store elsewhere."""
    functions = line.target.client("lambda")
    name = line.target.stack_outputs()["QueryFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**before, "STORE_URL": url}}
    )
    yield
