"""TLS with a real server, and an authority that the system knows by its folder or a file."""

import http.client
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tidegate.kinesis.trust import context_for


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that vouches for itself, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(pem) + private)
    return path


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def get(host: str, port: int, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_authority_in_a_file_is_trusted_for_its_host(
    certificate: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = context_for({"SSL_CERT_FILE": str(certificate)})
    assert get("localhost", port, context) == 204
    with pytest.raises(ssl.SSLCertVerificationError):
        get("127.0.0.1", port, context)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to hash a folder")
def test_an_authority_in_the_systems_folder_is_found_when_it_is_needed(
    certificate: Path, port: int, tmp_path: Path
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(certificate, folder)
    done = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", certificate], capture_output=True, check=True
    )
    (folder / f"{done.stdout.decode().strip()}.0").symlink_to("server.pem")
    context = context_for({"SSL_CERT_DIR": str(folder)})
    assert context.get_ca_certs() == [], "none is read before it is needed"
    assert get("localhost", port, context) == 204
    with pytest.raises(ssl.SSLCertVerificationError):
        get("127.0.0.1", port, context)


def test_who_is_not_vouched_for_is_not_trusted(port: int) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        get("localhost", port, context_for({}))
