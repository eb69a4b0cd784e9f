"""Find since when a certificate is valid: no board that has it saw an earlier time.

It is made for the board before its image is, and TLS would refuse it earlier anyway.
"""

from tidenode.clock import FLOOR_MS

_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def floor_ms(certificate: bytes) -> int:
    """Return the first instant that can be now where there is the DER `certificate`."""
    return max(FLOOR_MS, valid_since_ms(certificate))


def valid_since_ms(certificate: bytes) -> int:
    """Return the first instant of the DER's validity (RFC 5280, 4.1.2.5); 0 if there is none."""
    found = 0, 0
    for tag, digits in ((b"\x17\x0d", 12), (b"\x18\x0f", 14)):
        at = certificate.find(tag)
        while at >= 0:
            text = certificate[at + 2 : at + 3 + digits]
            if text[-1:] == b"Z" and text[:-1].isdigit() and len(text) == digits + 1:
                if not found[1] or at < found[0]:
                    found = at, _utc_ms(text.decode()[:-1])
                break
            at = certificate.find(tag, at + 1)
    return found[1]


def _utc_ms(digits: str) -> int:
    if len(digits) == 12:
        digits = ("19" if digits >= "50" else "20") + digits
    year = int(digits[:4])
    month, day, hour, minute, second = [int(digits[at : at + 2]) for at in range(4, 14, 2)]
    leap_days = (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 - 477  # before 1970
    if month > 2 and year % 4 == 0 and (year % 100 or year % 400 == 0):
        leap_days += 1
    days = (year - 1970) * 365 + leap_days + _DAYS_BEFORE_MONTH[month - 1] + day - 1
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000
