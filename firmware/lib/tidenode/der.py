"""Write DER, as far as a signing request and a key need it (ITU-T X.690)."""


def tagged(tag: int, *parts: bytes) -> bytes:
    """Return `parts` as one value of `tag`."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    return bytes((tag, 0x82, size >> 8, size & 255)) + body


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tagged(0x30, *parts)


def integer(value: int) -> bytes:
    """Return an INTEGER, which is not negative and below 2**256."""
    data = value.to_bytes(33, "big").lstrip(b"\x00") or b"\x00"
    return tagged(2, b"\x00" if data[0] & 0x80 else b"", data)


def bits(data: bytes) -> bytes:
    """Return a BIT STRING of whole bytes."""
    return tagged(3, b"\x00", data)


def is_whole(data: bytes) -> bool:
    """Return whether `data` is one SEQUENCE, neither cut off nor followed by anything."""
    if len(data) < 4 or data[0] != 0x30:
        return False
    if data[1] < 0x80:
        return len(data) == 2 + data[1]
    if data[1] == 0x81:
        return len(data) == 3 + data[2]
    return data[1] == 0x82 and len(data) == 4 + (data[2] << 8 | data[3])
