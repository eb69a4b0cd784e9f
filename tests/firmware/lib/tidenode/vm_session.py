"""A question in a connection of a session that is kept: what waits for the agent is no answer."""

from tidenode import mqtt
from tidenode.session import Session

QUESTION = "$aws/certificates/create-from-csr/json"
FILTERS = [QUESTION + "/accepted", QUESTION + "/rejected"]
SUBACK = b"\x90\x04\x00\x01\x00\x00"
PUBACK = b"\x40\x02\x00\x01"


def publish(topic, payload, packet_id=0):
    head = bytearray(5)
    body = bytes((0, len(topic))) + topic.encode()
    if packet_id:
        body += bytes((0, packet_id))
    body += payload
    used = mqtt.write_head(head, 0x32 if packet_id else 0x30, len(body))
    return bytes(head[:used]) + body


class Link:
    """Brings what the broker said, a packet at a time."""

    def __init__(self, *packets):
        self.packets = list(packets)
        self.sent = []
        self.inbox = None

    async def open(self):
        self.reader = mqtt.Reader(self.inbox)

    async def send(self, frame):
        self.sent.append(bytes(frame))

    async def receive(self):
        return self.reader.feed(self.packets.pop(0))


async def test_what_waits_for_the_agent_is_no_answer_and_is_not_acknowledged():
    job = publish("$aws/things/board-1/jobs/notify-next", b"{}", 7)
    too_long = publish("cmd/tidegauge/board-1/1", bytes(4_000), 8)
    answer = publish(FILTERS[0], b'{"certificateId": "x"}')
    link = Link(job, SUBACK, job, PUBACK, too_long, job, answer)
    session = Session(link, FILTERS, 1_000)
    await session.open()
    assert await session.ask(QUESTION, "{}") == (FILTERS[0], b'{"certificateId": "x"}')
    assert [frame[0] for frame in link.sent] == [0x82, 0x32], link.sent
