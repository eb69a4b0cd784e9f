"""A certificate's own date is found in it, whatever form it has."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tidenode.certificate_date import valid_since_ms

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "board")])


def certificate(since: datetime, serial: int = 7) -> bytes:
    builder = x509.CertificateBuilder(
        NAME, NAME, KEY.public_key(), serial, since, since + timedelta(days=1)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 1), max_value=datetime(2120, 1, 1), timezones=st.just(UTC)
    )
)
def test_the_date_is_found(since: datetime) -> None:
    """From 2050 on it has four digits for a year."""
    since = since.replace(microsecond=0)
    assert valid_since_ms(certificate(since)) == int(since.timestamp()) * 1_000


def test_a_serial_number_that_begins_like_a_date_is_none() -> None:
    since = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    serial = int.from_bytes(b"\x17\x0d991231\x17\x0d", "big")
    assert valid_since_ms(certificate(since, serial)) == int(since.timestamp()) * 1_000


@pytest.mark.parametrize("data", [b"", b"\x17\x0d", b"\x17\x0d2602282359", b"no certificate"])
def test_what_has_no_date_gives_none(data: bytes) -> None:
    assert valid_since_ms(data) == 0
