"""A claim: the certificate that boards without an identity ask for their own with.

Flow: key -> signing request -> registry -> certificate under the claim policy
      -> <home>/claims/<claim>/ -> boards
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.identity import certificate_der, make_identity
from tidectl.registry import Registry
from tidectl.target import Target
from tidewire.errors import WireError
from tidewire.names import check_thing

DEFAULT_CLAIM = "boards"


@dataclass(frozen=True, slots=True)
class ClaimFolder:
    """The files of one claim, readable by their owner only."""

    path: Path

    @property
    def claim(self) -> str:
        """The claim's name, on this machine only."""
        return self.path.name

    @property
    def certificate_path(self) -> Path:
        """The certificate, DER."""
        return self.path / "claim.der"

    @property
    def key_path(self) -> Path:
        """The private key, SEC 1 DER."""
        return self.path / "claim_key.der"

    @property
    def root_path(self) -> Path:
        """The certificate authority of the broker, DER."""
        return self.path / "root.der"

    def facts(self) -> dict[str, Any]:
        """Return claim.json: target, region, broker, template, certificate; never the key."""
        try:
            document = json.loads((self.path / "claim.json").read_bytes())
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise TidectlError(
                f"there is no claim {self.claim} here", f"make it: tidectl claim make {self.claim}"
            )
        return document


def make_claim(target: Target, home: Home, claim: str) -> ClaimFolder:
    """Return the folder of a new claim of `target`; raises `TidectlError`.

    What a failure leaves is nothing, here and in the registry.
    """
    try:
        check_thing(claim)
    except WireError as error:
        raise TidectlError(str(error), "names are 1 to 64 of A-Z a-z 0-9 _ : -") from error
    folder = ClaimFolder(home.claim_folder(claim))
    if folder.path.exists():
        raise TidectlError(
            f"{folder.path} exists already",
            f"take another name, or first: tidectl claim revoke {claim}",
        )
    outputs, broker, iot = target.stack_outputs(), target.broker(), target.client("iot")
    policy, template = outputs["ClaimPolicyName"], outputs["FleetTemplateName"]
    identity = make_identity(f"claim {claim}")
    with ExitStack() as undo:
        answer = iot.create_certificate_from_csr(
            certificateSigningRequest=identity.request_pem, setAsActive=True
        )
        certificate_id, arn = answer["certificateId"], answer["certificateArn"]
        undo.callback(Registry(target).delete_certificate, arn)
        iot.attach_policy(policyName=policy, target=arn)
        facts = {
            "target": target.name,
            "region": target.region,
            "broker": {"host": broker.host, "port": broker.port},
            "template": template,
            "certificate_id": certificate_id,
            "certificate_arn": arn,
        }
        files = {
            "claim.der": certificate_der(answer["certificatePem"]),
            "claim_key.der": identity.key_der,
            "root.der": broker.root_der,
            "claim.json": json.dumps(facts, indent=2).encode() + b"\n",
        }
        _write(home, folder.path, files)
        undo.pop_all()
    return folder


def revoke_claim(target: Target, home: Home, claim: str) -> None:
    """Lock out whoever holds the claim, and remove its folder; raises `TidectlError`."""
    folder = ClaimFolder(home.claim_folder(claim))
    facts = folder.facts()
    if facts["target"] != target.name:
        raise TidectlError(
            f"{claim} belongs to the target {facts['target']}, not {target.name}",
            f"give --target {facts['target']}",
        )
    try:
        Registry(target).delete_certificate(facts["certificate_arn"])
    except ClientError as error:
        # Gone from the registry, it opens nothing; the folder is all that is left of it.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    shutil.rmtree(folder.path)


def claims(home: Home) -> Iterator[ClaimFolder]:
    """Yield the claims made here."""
    return map(ClaimFolder, home.claims())


def _write(home: Home, folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` with `files`, all or nothing, for their owner only."""
    draft = home.make(folder.with_name(f".{folder.name}.new"))
    try:
        for name, data in files.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with open(os.open(draft / name, flags, 0o600), "wb") as file:
                file.write(data)
        draft.replace(folder)
    except OSError as error:
        raise TidectlError(f"can't write {folder}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
