"""Keys of updates: their owner's only, and what boards have of them."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.tools.tidectl.thing_files import make_thing
from tidectl.errors import TidectlError
from tidectl.firmware_image import image_files
from tidectl.home import Home
from tidectl.update_key import KINDS, P256, RSA_2048, load_key, make_key, public_keys


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("kind", KINDS)
def test_the_private_half_is_its_owners_only_and_the_public_one_has_no_secret(
    home: Home, kind: str
) -> None:
    key = make_key(home, "update", kind)
    path = home.update_keys / "update.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.update_keys.stat().st_mode) == 0o700
    name, data = key.public()
    assert public_keys(home) == {name: data}
    assert len(data) == (65 if kind == P256 else int(kind.removeprefix("rsa")) // 8)
    assert load_key(home, "update").public() == (name, data)


def test_a_key_that_is_there_is_not_overwritten(home: Home) -> None:
    before = make_key(home, "update", P256).public()
    with pytest.raises(TidectlError, match="there is a key update already"):
        make_key(home, "update", RSA_2048)
    assert load_key(home, "update").public() == before
    assert len(public_keys(home)) == 1


def test_what_is_no_key_is_refused(home: Home) -> None:
    with pytest.raises(TidectlError, match="there is no key") as caught:
        load_key(home, "update")
    assert caught.value.hint == "make one: tidectl ota key"
    home.make(home.update_keys)
    (home.update_keys / "update.pem").write_text("not a key")
    with pytest.raises(TidectlError, match="holds no private key"):
        load_key(home, "update")
    for name in ("../x", "", "a b"):
        with pytest.raises(TidectlError, match="no name for a key"):
            make_key(home, name, P256)


def test_keys_that_boards_do_not_check_are_refused(home: Home) -> None:
    home.make(home.update_keys)
    keys: dict[str, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey] = {
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "exponent": rsa.generate_private_key(3, 2_048),
    }
    for name, private in keys.items():
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (home.update_keys / f"{name}.pem").write_bytes(pem)
        with pytest.raises(TidectlError, match="no board checks keys like"):
            load_key(home, name)


def test_a_things_board_gets_the_public_keys_of_its_home(home: Home) -> None:
    folder = make_thing(home, "board-1")
    assert folder.update_keys() == {}
    _, data = make_key(home, "update", P256).public()
    files = image_files(*folder.image_parts(), update_keys=folder.update_keys())
    assert files["/update_keys/update.p256"] == data
    assert not [path for path in files if path.endswith(".pem")]
