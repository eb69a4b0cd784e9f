"""A local cloud in a process of its own, for tests that need the real one."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parent.parent
START_S_MAX = 40.0  # a cold disk cache on a busy machine
END_S_MAX = 10.0


@dataclass(frozen=True)
class Certificate:
    """A device's certificate and key, as PEM files, and what the registry calls it."""

    certificate_path: Path
    key_path: Path
    arn: str

    @property
    def certificate_id(self) -> str:
        return self.arn.rpartition("/")[2]


class CloudProcess:
    """`python -m tidelocal` on free ports; start it again in the same `state` after its end."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, *options: str) -> Self:
        """Start and wait until local.json says that it is ready."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state.parent / f"{self.state.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tidelocal", "--state", str(self.state)),
                    *("--http-port", "0", "--mqtt-port", "0", "--store-port", "0", *options),
                ],
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )
        ready = self.state / "local.json"
        deadline = time.monotonic() + START_S_MAX
        while not ready.exists():
            assert self.process.poll() is None, f"it ended at once:\n{self.log()}"
            assert time.monotonic() < deadline, f"not ready in {START_S_MAX} s:\n{self.log()}"
            time.sleep(0.02)
        self.facts = json.loads(ready.read_bytes())
        return self

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S_MAX)

    def kill(self) -> None:
        """End it with SIGKILL: no line of its code runs any more."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        (self.state / "local.json").unlink()

    def wait_until_kept(self) -> None:
        """Return when every change so far is on the disk."""
        path = self.state / "services" / "iot.json"
        # All services are written one after the other: the second mark begins behind the first.
        for mark in (f"mark-{uuid.uuid4()}" for _ in range(2)):
            self.client("iot").create_thing(thingName=mark)
            wait_for(mark, lambda mark=mark: path.exists() and mark in path.read_text())

    def log(self) -> str:
        """Return what it wrote, in all its runs."""
        return (self.state.parent / f"{self.state.name}.log").read_text()

    def client(self, service: str) -> Any:
        """Return a boto3 client of the account's root."""
        return boto3.client(
            service,
            endpoint_url=self.facts["http_url"],
            region_name=self.facts["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def certificate(self, name: str, *, active: bool = True) -> Certificate:
        """Register a P-256 certificate, made from a signing request as boards' are."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        )
        answer = self.client("iot").create_certificate_from_csr(
            certificateSigningRequest=request.public_bytes(serialization.Encoding.PEM).decode(),
            setAsActive=active,
        )
        folder = self.state.parent / "devices"
        folder.mkdir(exist_ok=True)
        certificate_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
        certificate_path.write_text(answer["certificatePem"])
        key_path.write_bytes(private_pem(key))
        return Certificate(certificate_path, key_path, answer["certificateArn"])

    def role(self, name: str, service: str, *actions: str) -> str:
        """Make a role that `<service>.amazonaws.com` may assume to do `actions`; return its ARN."""
        iam = self.client("iam")
        trust = {"Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_allowing(trust))
        if actions:
            document = _allowing({"Action": actions, "Resource": "*"})
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
        return str(answer["Role"]["Arn"])

    def policy(self, name: str, *statements: dict[str, Any]) -> None:
        """Make an IoT policy that allows `statements`."""
        document = _allowing(*statements)
        self.client("iot").create_policy(policyName=name, policyDocument=document)

    def function(self, name: str, source: str, *actions: str, **environment: str) -> str:
        """Deploy `source`, whose `handler` is called, with a role for `actions`; return its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", source)
        answer = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=self.role(f"{name}-function", "lambda", *actions),
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": environment},
            Timeout=20,
        )
        return str(answer["FunctionArn"])

    def map_stream(self, stream: str, function: str, **settings: Any) -> str:
        """Deliver a stream to a function from now on; return the mapping's id."""
        summary = self.client("kinesis").describe_stream_summary(StreamName=stream)
        mapping = self.client("lambda").create_event_source_mapping(
            EventSourceArn=summary["StreamDescriptionSummary"]["StreamARN"],
            FunctionName=function,
            **{"StartingPosition": "LATEST", **settings},
        )
        name = f"{mapping['UUID']}.json"
        # LATEST begins where the stream ends once the mapping is seen.
        wait_for("the mapping's position", (self.state / "mappings" / name).exists)
        return str(mapping["UUID"])

    def records(self, stream: str, shard: int = 0) -> list[dict[str, Any]]:
        """Return all records of one shard of a stream."""
        kinesis = self.client("kinesis")
        iterator = kinesis.get_shard_iterator(
            StreamName=stream,
            ShardId=f"shardId-{shard:012d}",
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        return list(kinesis.get_records(ShardIterator=iterator)["Records"])

    def provision(self, thing: str, policy: str) -> Certificate:
        """Make a thing with a certificate of its own under `policy`."""
        certificate, iot = self.certificate(thing), self.client("iot")
        iot.create_thing(thingName=thing)
        iot.attach_thing_principal(thingName=thing, principal=certificate.arn)
        iot.attach_policy(policyName=policy, target=certificate.arn)
        return certificate


def _allowing(*statements: dict[str, Any]) -> str:
    allowing = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowing})


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as an unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def wait_for(what: str, is_so: Any, *, within_s: float = 10.0) -> Any:
    """Return the first true answer of `is_so()`; fails with `what` after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (answer := is_so()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)
    return answer
