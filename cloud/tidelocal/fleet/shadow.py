"""How AWS merges and compares shadow documents, where MiniStack does it differently.

Flow: update -> [shadow] -> MiniStack's store -> accepted, delta, documents
Pure. A null in an object that is new to the shadow is nothing to remove and nothing to keep; a
delta tells true from 1; a document has a largest size and depth, and only the known sections.
AWS documents the limits and messages under "Device Shadow error messages" and its quotas.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

SECTIONS = ("desired", "reported")
DOCUMENT_BYTES_MAX = 8 * 1024  # desired and reported together, without white space
DEPTH_MAX = 8  # levels below desired or reported
TOKEN_BYTES_MAX = 64

Document = dict[str, Any]


class ShadowRefusedError(Exception):
    """The update is refused: `code` is the HTTP status that the rejected message carries."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def accept(request: Document, state: Mapping[str, Document]) -> Document:
    """Return `request` as a plain merge into `state` gives what AWS keeps.

    Raises `ShadowRefusedError`.
    """
    token = request.get("clientToken")
    if token is not None and not (
        isinstance(token, str) and len(token.encode()) <= TOKEN_BYTES_MAX
    ):
        raise ShadowRefusedError(400, "Invalid clientToken")
    version = request.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise ShadowRefusedError(400, "Invalid version")
    if "state" not in request:
        raise ShadowRefusedError(400, "Missing required node: state")
    sections = request["state"]
    if not isinstance(sections, dict):
        raise ShadowRefusedError(400, "State node must be an object")
    if sections.keys() - set(SECTIONS):
        raise ShadowRefusedError(400, "State contains an invalid node")
    merged: Document = {name: dict(state.get(name) or {}) for name in SECTIONS}
    accepted: Document = {}
    for name, patch in sections.items():
        if patch is not None and not isinstance(patch, dict):
            raise ShadowRefusedError(400, f"{name.capitalize()} node must be an object")
        accepted[name] = patch and _without_vain_nulls(patch, merged[name])
        merged[name] = {} if patch is None else _merged(merged[name], patch)
    if max(_depth(section) for section in merged.values()) > DEPTH_MAX:
        raise ShadowRefusedError(
            400, f"JSON contains too many levels of nesting; maximum is {DEPTH_MAX}"
        )
    if len(json.dumps(merged, separators=(",", ":"), ensure_ascii=False).encode()) > (
        DOCUMENT_BYTES_MAX
    ):
        raise ShadowRefusedError(413, "The payload exceeds the maximum size allowed")
    # Its own copy: the store keeps what it is given, and the caller still answers with `request`.
    return {**request, "state": copy.deepcopy(accepted)}


def delta(desired: Document, reported: Document) -> Document:
    """Return what of `desired` is not so in `reported`, objects field by field."""
    found: Document = {}
    for name, wanted in desired.items():
        have = reported.get(name)
        if isinstance(wanted, dict) and isinstance(have, dict):
            inner = delta(wanted, have)
            if inner:
                found[name] = inner
        elif not _same(wanted, have):
            found[name] = wanted
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _without_vain_nulls(patch: Document, base: Document) -> Document:
    """Leave out the nulls that remove nothing, which a plain merge would keep."""
    kept = {}
    for name, value in patch.items():
        if isinstance(value, dict):
            inner = base.get(name)
            kept[name] = _without_vain_nulls(value, inner if isinstance(inner, dict) else {})
        elif value is not None or name in base:
            kept[name] = value
    return kept


def _merged(base: Document, patch: Document) -> Document:
    merged = dict(base)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_depth, value), default=0)
    return 0
