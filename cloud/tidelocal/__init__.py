"""The AWS services of Tidegauge on one machine."""

from tidelocal.errors import LocalCloudError
from tidelocal.settings import Settings

__all__ = ["LocalCloudError", "Settings"]
