"""pycomm3's driver, mended, and what its list of tags says of an address."""

from collections.abc import Mapping
from typing import Any

from pycomm3 import LogixDriver
from pycomm3.exceptions import PycommError


class TagDriver(LogixDriver):
    """Blocks, as pycomm3 does."""

    def facts_of(self, address: str) -> Mapping[str, Any]:
        """Return what the list says of a tag; nothing for a bit, and for what is not there."""
        try:
            facts: Mapping[str, Any] = self.get_tag_info(address) or {}
        except PycommError:
            return {}
        return facts

    def _write_build_single_request(self, parsed_tag: Any) -> Any:
        """Build a request whose message stands in it once; pycomm3 1.2.16 has it there twice."""
        request = super()._write_build_single_request(parsed_tag)  # type: ignore[no-untyped-call]  # pycomm3 has no types here
        if request is not None:
            request._msg.clear()  # it is built anew when it is sent
        return request
