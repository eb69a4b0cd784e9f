"""Bundle the firmware: what stays in a board's memory becomes one module with short names."""

from tidectl.bundle.bundle import Bundle, bundled
from tidectl.bundle.errors import BundleError
from tidectl.bundle.firmware import firmware_bundle
from tidectl.bundle.layout import LAID, RESIDENT, SENSING

__all__ = ["LAID", "RESIDENT", "SENSING", "Bundle", "BundleError", "bundled", "firmware_bundle"]
