"""MiniStack is as `tidelocal.host` knows it, and does what that needs of it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import psutil
import pytest

from tests.cloud.tidelocal.internals import used_names
from tests.local_cloud import CloudProcess, wait_for
from tidelocal import contract
from tidelocal.errors import ContractError

ROOT = Path(contract.__file__).parent


def test_only_the_host_imports_ministack() -> None:
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if any("import" in line and "ministack" in line for line in path.read_text().splitlines())
    }
    assert importing == {"host/host.py"}


def test_the_contract_names_what_the_host_uses_and_nothing_else() -> None:
    named = {
        (module, entry.removeprefix("async ").partition("(")[0])
        for module, entries in contract.CONTRACT.items()
        for entry in entries
    }
    assert named == used_names()


def test_the_version_is_the_pinned_one() -> None:
    pins = (ROOT.parents[1] / "pyproject.toml").read_text()
    assert f'"ministack=={contract.VERSION}"' in pins


# ---- a difference stops the start ----

START = """
import sys
import ministack.services.iot as iot, ministack.services.kinesis as kinesis
{change}
from tidelocal.__main__ import main
sys.exit(main(["--state", sys.argv[1], "--http-port", "0", "--mqtt-port", "0",
               "--store-port", "0"]))
"""


def test_a_moved_name_stops_the_start_with_one_line_that_names_it(tmp_path: Path) -> None:
    change = "del kinesis._put_record; iot.get_ca_cert_pem = lambda scope: ''"
    done = subprocess.run(
        [sys.executable, "-c", START.format(change=change), str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"tidelocal: ministack {contract.VERSION} is not the one the local cloud knows: "
        "iot.get_ca_cert_pem takes (scope); kinesis._put_record is missing"
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "local.json").exists()


class _Session:
    def __init__(self, send: object) -> None:
        self.made = send

    async def end(self) -> None: ...


async def _coroutine() -> None: ...


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("here", ""),
        ("gone", "m.gone is missing"),
        ("plain(a, b)", ""),
        ("plain(a)", "m.plain takes (a, b)"),
        ("async plain(a, b)", "m.plain is no longer a coroutine function"),
        ("coroutine()", "m.coroutine is now a coroutine function"),
        ("async coroutine()", ""),
        ("async coroutine(a)", "m.coroutine takes ()"),
        ("Session(send)", ""),
        ("Session.made", ""),
        ("Session.gone", "m.Session.gone is missing"),
        ("Session.made()", "m.Session.made is missing"),
        ("async Session.end(self)", ""),
        ("Absent.end", "m.Absent.end is missing"),
    ],
)
def test_each_kind_of_difference_is_told(
    entry: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = SimpleNamespace(
        here=1, plain=lambda a, b: (a, b), coroutine=_coroutine, Session=_Session
    )
    monkeypatch.setattr(contract, "CONTRACT", {"m": (entry,)})
    modules = {"m": cast("ModuleType", module)}
    if not told:
        contract.verify(contract.VERSION, modules)
        return
    with pytest.raises(ContractError) as breach:
        contract.verify(contract.VERSION, modules)
    assert breach.value.breaches == [told]


def test_another_version_and_an_absent_module_are_told_together() -> None:
    with pytest.raises(ContractError) as breach:
        contract.verify("1.6.0", {})
    assert breach.value.breaches[0] == f"its version is not {contract.VERSION}"
    assert "iot is missing" in breach.value.breaches


# ---- what the host needs of it ----


def test_a_publish_over_http_reaches_our_rules(local_cloud: CloudProcess) -> None:
    sqs, iot = local_cloud.client("sqs"), local_cloud.client("iot")
    queue_url = sqs.create_queue(QueueName="contract-publish")["QueueUrl"]
    role = local_cloud.role("contract-publish", "iot")
    iot.create_topic_rule(
        ruleName="contract_publish",
        topicRulePayload={
            # Members of an object and parse_time() are ours alone.
            "sql": "SELECT a.b AS n, parse_time('yyyy', 0) AS y, clientid() AS c "
            "FROM 'contract/+' WHERE a.b > 5",
            "actions": [{"sqs": {"queueUrl": queue_url, "roleArn": role}}],
        },
    )
    publish = local_cloud.client("iot-data").publish
    publish(topic="contract/x", qos=1, payload=b'{"a": {"b": 5}}')
    publish(topic="contract/x", qos=1, payload=b'{"a": {"b": 7}}')
    (message,) = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {"n": 7, "y": "1970", "c": "n/a"}


def test_a_stack_holds_one_of_our_types(local_cloud: CloudProcess) -> None:
    stacks = local_cloud.client("cloudformation")
    template = {
        "Resources": {
            "Made": {
                "Type": "AWS::Timestream::Database",
                "Properties": {"DatabaseName": "contract"},
            }
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "Made"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Made", "Arn"]}},
        },
    }
    stacks.create_stack(StackName="contract", TemplateBody=json.dumps(template))
    (stack,) = wait_for(
        "the stack",
        lambda: [
            stack
            for stack in stacks.describe_stacks(StackName="contract")["Stacks"]
            if not stack["StackStatus"].endswith("IN_PROGRESS")
        ],
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["Name"] == "contract"
    assert outputs["Arn"].endswith(":database/contract")


def test_what_services_keep_survives_sigkill(own_cloud: Callable[..., CloudProcess]) -> None:
    cloud = own_cloud()
    ca = Path(cloud.facts["ca_path"]).read_bytes()
    cloud.client("timestream-write").create_database(DatabaseName="kept")
    cloud.client("iot").create_thing(thingName="kept")
    cloud.client("secretsmanager").create_secret(Name="kept", SecretString="text")
    cloud.client("s3").create_bucket(Bucket="kept")
    cloud.client("s3").put_object(Bucket="kept", Key="a b/ü%41", Body=b"\x00\xff")
    cloud.wait_until_kept()
    cloud.kill()
    cloud.start()
    databases = cloud.client("timestream-write").list_databases()["Databases"]
    assert [each["DatabaseName"] for each in databases] == ["kept"]
    assert cloud.client("iot").describe_thing(thingName="kept")["thingName"] == "kept"
    secrets = cloud.client("secretsmanager")
    assert secrets.get_secret_value(SecretId="kept")["SecretString"] == "text"
    body = cloud.client("s3").get_object(Bucket="kept", Key="a b/ü%41")["Body"]
    assert body.read() == b"\x00\xff"
    assert Path(cloud.facts["ca_path"]).read_bytes() == ca
    assert cloud.stop() == 0


def test_nothing_listens_beside_the_four_doors_on_loopback(local_cloud: CloudProcess) -> None:
    local_cloud.client("s3").list_buckets()
    local_cloud.client("athena").list_work_groups()
    facts = local_cloud.facts
    ports = {
        int(facts[name].rpartition(":")[2]) for name in ("http_url", "store_url", "device_url")
    }
    assert _listening(local_cloud) == {("127.0.0.1", port) for port in ports | {facts["mqtt_port"]}}


def _listening(cloud: CloudProcess) -> set[tuple[str, int]]:
    """Return the addresses that the local cloud and its children listen on, UDP included."""
    process = psutil.Process(cloud.facts["pid"])
    return {
        (connection.laddr.ip, connection.laddr.port)
        for each in (process, *process.children(recursive=True))
        for connection in each.net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }
