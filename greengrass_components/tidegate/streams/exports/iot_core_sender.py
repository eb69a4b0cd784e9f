"""Export to an MQTT topic of AWS IoT Core, over HTTPS: a message each.

https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html
"""

from collections.abc import Sequence
from urllib.parse import quote

from tidegate.segment_log import Record
from tidegate.streams.exports.aws_access import AwsAccess, AwsConnection
from tidegate.streams.exports.connection import HttpFailedError
from tidegate.streams.exports.sender import Sent

PAYLOAD_BYTES_MAX = 131_072  # what AWS IoT takes


class IotCoreSender:
    """Publishes messages to `topic`.

    One that is larger than AWS IoT takes could never be published: it is passed over, and said
    in the export's status.
    """

    def __init__(self, access: AwsAccess, topic: str, qos: int = 1) -> None:
        url = (
            access.endpoints.get("iotdata") or f"https://data-ats.iot.{access.region}.amazonaws.com"
        )
        self._connection = AwsConnection(access, "iotdata", url)
        self._path = f"/topics/{quote(topic, safe='')}"
        self._query = {"qos": str(qos)}

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Publish `records` up to the first that fails."""
        del stream
        passed_over = None
        for finished, record in enumerate(records):
            if len(record.payload) > PAYLOAD_BYTES_MAX:
                passed_over = (
                    f"message {record.sequence} of {len(record.payload)} bytes passed over:"
                    f" AWS IoT takes {PAYLOAD_BYTES_MAX}"
                )
                continue
            try:
                answer = self._connection.request(
                    "POST", self._path, query=self._query, body=record.payload
                )
            except HttpFailedError as error:
                return Sent(finished, str(error))
            if not answer.is_success:
                return Sent(finished, answer.error())
        return Sent(len(records), passed_over)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
