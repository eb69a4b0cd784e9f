"""`tidectl doctor`: what is missing, and the command that mends it."""

from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision


def test_a_machine_that_has_everything_passes(tidectl: Run) -> None:
    done = tidectl("doctor")
    assert done.code == 0, done.err
    assert "all there" in done.err
    document = tidectl("doctor", "--json").json()
    assert document["ok"]
    assert {check["verdict"] for check in document["checks"]} <= {"ok", "warn"}
    assert all(check["found"] for check in document["checks"])


def test_a_key_that_others_may_read_fails_with_what_mends_it(
    tidectl: Run, deployed: Target, tmp_path: Path
) -> None:
    folder = provision(deployed, Home(tmp_path / "home"), "doctor-1", board=False)
    folder.key_path.chmod(0o644)
    done = tidectl("doctor")
    assert done.code == 1
    assert "others may read things/doctor-1/key.der" in done.out
    assert "fail keys: chmod -R go=" in done.err
    assert "1 of" in done.err.splitlines()[-1]
    document = tidectl("doctor", "--json").json()
    assert not document["ok"]
    (check,) = [check for check in document["checks"] if check["verdict"] == "fail"]
    assert (check["name"], bool(check["mend"])) == ("keys", True)


def test_aws_is_looked_at_only_when_it_is_the_target(
    tidectl: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    names = [check["name"] for check in tidectl("doctor", "--json").json()["checks"]]
    assert not [name for name in names if name.startswith("AWS")]
    done = tidectl("doctor", "--target", "aws")
    assert done.code == 1
    assert "no AWS region is set" in done.out
    assert "give --region, or set AWS_REGION" in done.err
