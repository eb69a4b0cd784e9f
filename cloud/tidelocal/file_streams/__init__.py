"""AWS IoT streams: files in blocks over the thing's own MQTT connection."""

from tidelocal.file_streams.api import FileStreamsApi
from tidelocal.file_streams.delivery import FileDelivery
from tidelocal.file_streams.registry import FileStreams

__all__ = ["FileDelivery", "FileStreams", "FileStreamsApi"]
