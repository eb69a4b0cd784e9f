"""MiniStack's modules by name, which have no types: the contract says what is used of them."""

from collections.abc import Mapping
from typing import Any

Modules = Mapping[str, Any]
