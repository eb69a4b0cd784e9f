"""Bundle the firmware: what stays in a board's memory becomes one module with short names."""

from tidectl.bundle.bundle import LAID, RESIDENT, SENSING, Bundle, BundleError, bundled
from tidectl.bundle.firmware import firmware_bundle

__all__ = ["LAID", "RESIDENT", "SENSING", "Bundle", "BundleError", "bundled", "firmware_bundle"]
