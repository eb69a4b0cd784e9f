"""Write the MQTT packet that begins a connection; it is the same each time."""

from tidenode.mqtt import write_head


def connect(client_id: str, keepalive_s: int, clean_session: bool) -> bytes:
    """Return a CONNECT without user name or will: the certificate says who we are."""
    name = client_id.encode()
    flags = 2 if clean_session else 0
    body = b"\x00\x04MQTT\x04" + bytes((flags, keepalive_s >> 8, keepalive_s & 255))
    body += bytes((len(name) >> 8, len(name) & 255)) + name
    head = bytearray(5)
    used = write_head(head, 0x10, len(body))
    return bytes(head[:used]) + body
