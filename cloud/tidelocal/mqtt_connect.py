"""The first packet of a connection, as far as the broker must know it (MQTT 3.1.1, 3.1)."""

CONNECT = 0x10
CONNECT_BYTES_MAX = 8 * 1024  # client id, will and user name of any real client fit
_VARINT_BYTES_MAX = 4


class NotConnectError(Exception):
    """The connection does not begin as MQTT does."""


def keep_alive_s(data: bytes) -> int | None:
    """Return the keep-alive of the CONNECT that `data` begins with; None while it is incomplete.

    Raises `NotConnectError`.
    """
    if data[0] != CONNECT:
        raise NotConnectError("its first packet is not CONNECT")
    if len(data) > CONNECT_BYTES_MAX + READ_AHEAD_BYTES:
        raise NotConnectError(f"its CONNECT is longer than {CONNECT_BYTES_MAX} bytes")
    length, at = 0, 1
    while True:
        if at > _VARINT_BYTES_MAX:
            raise NotConnectError("the length of its CONNECT is malformed")
        if at >= len(data):
            return None
        length |= (data[at] & 0x7F) << (7 * (at - 1))
        at += 1
        if data[at - 1] < 0x80:  # noqa: PLR2004 the continuation bit
            break
    if length > CONNECT_BYTES_MAX:
        raise NotConnectError(f"its CONNECT of {length} bytes, {CONNECT_BYTES_MAX} at most")
    if len(data) < at + length:
        return None
    body = data[at : at + length]
    name_bytes = int.from_bytes(body[:2], "big")
    clock = 2 + name_bytes + 2  # name, level, flags
    if len(body) < clock + 2:
        raise NotConnectError("its CONNECT is truncated")
    return int.from_bytes(body[clock : clock + 2], "big")


# Packets that a client sent behind CONNECT without waiting arrive in the same read.
READ_AHEAD_BYTES = 64 * 1024
