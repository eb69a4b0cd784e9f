"""The command line of the local cloud."""

from pathlib import Path

import pytest

from tidelocal.settings import Settings, parse


def test_it_listens_on_loopback_and_the_usual_ports_unless_told(tmp_path: Path) -> None:
    settings = parse(["--state", str(tmp_path)])
    assert settings.state == tmp_path
    assert (settings.http_port, settings.mqtt_port, settings.store_port) == (4566, 8883, 8181)
    assert settings.listen == "127.0.0.1"


def test_everything_can_be_told() -> None:
    settings = parse(
        ["--state", "here", "--http-port", "1", "--mqtt-port", "0", "--store-port", "65535",
         "--listen", "192.0.2.7"]
    )  # fmt: skip
    assert settings.state == Path.cwd() / "here"
    assert (settings.http_port, settings.mqtt_port, settings.store_port) == (1, 0, 65535)
    assert settings.listen == "192.0.2.7"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: --state"),
        (["--state", "x", "--http-port", "65536"], "'65536' is not a port, 0 to 65535"),
        (["--state", "x", "--mqtt-port", "-1"], "'-1' is not a port"),
        (["--state", "x", "--mqtt-port", "٣"], "is not a port"),
        (["--state", "x", "--store-port", "http"], "'http' is not a port"),
        (["--state", "x", "--listen", "localhost"], "'localhost' is not an address"),
        (["--state", "x", "--listen", ""], "'' is not an address"),
        (["--state", "x", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_mistake_ends_with_code_2_and_says_what(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "address", "url_host"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("::1", "::1", "[::1]"),
        ("::", "::1", "[::1]"),
    ],
)
def test_the_address_is_one_that_this_machine_can_reach(
    listen: str, address: str, url_host: str
) -> None:
    settings = Settings(state=Path(), listen=listen)
    assert (settings.address, settings.url_host) == (address, url_host)
