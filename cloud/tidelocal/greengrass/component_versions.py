"""Versions of components, as CreateComponentVersion takes them.

A version is DEPLOYABLE when each of its artifacts is in S3: its digest is then part of the recipe
that devices get. Else it is FAILED and says which is not there.
"""

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from tidegate.nucleus.dependencies import satisfies
from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.recipe import NAME, VERSION, parse_document
from tidelocal.greengrass.documents import Documents
from tidelocal.greengrass.errors import CONFLICT, NOT_FOUND, VALIDATION, GreengrassRefusedError

RECIPE_BYTES_MAX = 16 * 1024  # AWS's limit of an inline recipe
# Reads bucket and key of an object in the caller's account, or None.
ReadObject = Callable[[str, str], bytes | None]


class ComponentVersions:
    """Versions by ARN."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(
        self, account: str, region: str, inline_recipe: str, read_object: ReadObject
    ) -> dict[str, Any]:
        """Keep a version (recipe in base64) and return its document."""
        try:
            text = base64.b64decode(inline_recipe, validate=True).decode()
            recipe = parse_document(text)
        except (binascii.Error, UnicodeDecodeError, NucleusError) as error:
            raise GreengrassRefusedError(VALIDATION, f"the recipe can't be read: {error}") from None
        name, version = str(recipe.get("ComponentName")), str(recipe.get("ComponentVersion"))
        _check(recipe, text, name, version)
        arn = f"arn:aws:greengrass:{region}:{account}:components:{name}:versions:{version}"
        if self._documents.get(account, region, arn):
            raise GreengrassRefusedError(CONFLICT, f"{name} {version} exists already")
        mistakes = _add_digests(recipe, read_object)
        document = {
            "arn": arn,
            "componentName": name,
            "componentVersion": version,
            "creationTimestamp": time.time(),
            "publisher": recipe.get("ComponentPublisher", ""),
            "description": recipe.get("ComponentDescription", ""),
            "status": {
                "componentState": "FAILED" if mistakes else "DEPLOYABLE",
                "message": "; ".join(mistakes) or "NONE",
                "errors": dict.fromkeys(mistakes, "ARTIFACT"),
            },
            "recipe": json.dumps(recipe),
        }
        self._documents.put(account, region, arn, document)
        return document

    def get(self, account: str, region: str, arn: str) -> dict[str, Any]:
        """Return a version's document."""
        document = self._documents.get(account, region, arn)
        if document is None:
            raise GreengrassRefusedError(NOT_FOUND, f"there is no component {arn}")
        return document

    def delete(self, account: str, region: str, arn: str) -> None:
        """Forget a version."""
        if not self._documents.remove(account, region, arn):
            raise GreengrassRefusedError(NOT_FOUND, f"there is no component {arn}")

    def all(self, account: str, region: str) -> list[dict[str, Any]]:
        """Return every version, the latest of each component first."""
        found = [document for _, document in self._documents.all(account, region)]
        return sorted(
            found, key=lambda one: (one["componentName"], _order(one["componentVersion"])),
            reverse=True,
        )  # fmt: skip

    def best(
        self, account: str, region: str, name: str, requirements: list[str]
    ) -> dict[str, Any] | None:
        """Return the latest deployable version that meets each requirement."""
        for document in self.all(account, region):
            fits = document["componentName"] == name
            if fits and document["status"]["componentState"] == "DEPLOYABLE":
                version = document["componentVersion"]
                if all(satisfies(version, one) for one in requirements if one):
                    return document
        return None


def _check(recipe: dict[str, Any], text: str, name: str, version: str) -> None:
    if recipe.get("RecipeFormatVersion") != "2020-01-25":
        raise GreengrassRefusedError(VALIDATION, "RecipeFormatVersion is not 2020-01-25")
    if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
        raise GreengrassRefusedError(VALIDATION, f"{name} {version} is no component")
    if len(text.encode()) > RECIPE_BYTES_MAX:
        raise GreengrassRefusedError(VALIDATION, f"the recipe is above {RECIPE_BYTES_MAX} bytes")
    if not isinstance(recipe.get("Manifests"), list):
        raise GreengrassRefusedError(VALIDATION, "Manifests is no list")


def _add_digests(recipe: dict[str, Any], read_object: ReadObject) -> list[str]:
    mistakes = []
    for manifest in recipe["Manifests"]:
        for artifact in manifest.get("Artifacts") or ():
            uri = str(artifact.get("Uri") or artifact.get("URI") or "")
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            data = read_object(bucket, key) if uri.startswith("s3://") and key else None
            if data is None:
                mistakes.append(f"artifact {uri} is not there")
                continue
            artifact["Digest"] = hashlib.sha256(data).hexdigest()
            artifact["Algorithm"] = "SHA-256"
    return mistakes


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
