"""Things and their certificates in AWS IoT's registry, local or real.

What a failed registration made is taken back, so that trying again starts from nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.target import Target

DELETE_TRIES_MAX = 20
DELETE_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Registration:
    """A signed certificate, active and attached to its thing and policy."""

    certificate_pem: str
    certificate_id: str
    certificate_arn: str


class Registry:
    """The registry of `target`."""

    def __init__(self, target: Target) -> None:
        self._iot = target.client("iot")
        self._policy = target.stack_outputs()["ThingPolicyName"]

    def has(self, thing: str) -> bool:
        """Return whether a thing of this name is registered."""
        try:
            self._iot.describe_thing(thingName=thing)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        return True

    def things(self, count_max: int) -> list[str]:
        """Return the names of registered things, `count_max` at most."""
        pages = self._iot.get_paginator("list_things").paginate(
            PaginationConfig={"MaxItems": count_max}
        )
        return [thing["thingName"] for page in pages for thing in page["things"]]

    def certificates(self, thing: str) -> list[str]:
        """Return the ARNs of the certificates that speak for `thing`."""
        return list(self._principals(thing))

    def register(self, thing: str, request_pem: str, keep: Callable[[Registration], Any]) -> None:
        """Have the request signed for `thing` and give the registration to `keep`.

        When `keep` or any step fails, all steps before it are undone.
        """
        with ExitStack() as undo:
            if not self.has(thing):
                self._iot.create_thing(thingName=thing)
                undo.callback(self._iot.delete_thing, thingName=thing)
            answer = self._iot.create_certificate_from_csr(
                certificateSigningRequest=request_pem, setAsActive=True
            )
            registration = Registration(
                answer["certificatePem"], answer["certificateId"], answer["certificateArn"]
            )
            undo.callback(self._delete_certificate, registration.certificate_id)
            self._iot.attach_policy(policyName=self._policy, target=registration.certificate_arn)
            undo.callback(
                self._iot.detach_policy,
                policyName=self._policy,
                target=registration.certificate_arn,
            )
            self._iot.attach_thing_principal(
                thingName=thing, principal=registration.certificate_arn
            )
            undo.callback(
                self._iot.detach_thing_principal,
                thingName=thing,
                principal=registration.certificate_arn,
            )
            keep(registration)
            undo.pop_all()

    def revoke(self, thing: str, certificate_arn: str) -> None:
        """Take a certificate from `thing` and delete it: its holder is locked out at once."""
        self._deactivate(certificate_arn.rpartition("/")[2])
        self._iot.detach_thing_principal(thingName=thing, principal=certificate_arn)
        self.delete_certificate(certificate_arn)

    def delete_certificate(self, certificate_arn: str) -> None:
        """Delete a certificate that is no thing's, with its policies."""
        for policy in self._iot.list_attached_policies(target=certificate_arn)["policies"]:
            self._iot.detach_policy(policyName=policy["policyName"], target=certificate_arn)
        self._delete_certificate(certificate_arn.rpartition("/")[2])

    def _principals(self, thing: str) -> Iterator[str]:
        if self.has(thing):
            pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=thing)
            for page in pages:
                yield from page["principals"]

    def _deactivate(self, certificate_id: str) -> None:
        self._iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")

    def _delete_certificate(self, certificate_id: str) -> None:
        self._deactivate(certificate_id)
        for left in range(DELETE_TRIES_MAX - 1, -1, -1):
            try:
                self._iot.delete_certificate(certificateId=certificate_id)
                return
            except ClientError as error:
                # AWS takes some seconds to see that it is nobody's any more.
                if error.response["Error"]["Code"] != "DeleteConflictException" or not left:
                    raise
            time.sleep(DELETE_PAUSE_S)
