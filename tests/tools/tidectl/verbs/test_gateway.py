"""`tidectl gateway up` and what one does with it: from nothing to values in the store."""

from pathlib import Path

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.gateway.probe import NAME, write_probe
from tidectl.gateway.core_device import core_device
from tidectl.gateway.first_values import first_values
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.home import Home
from tidectl.query_api import QueryApi
from tidectl.target import find_target


def test_one_command_brings_values_into_the_store(
    tidectl: Run, shared_home: Home, tmp_path: Path
) -> None:
    thing = "verbs-gateway"
    folder = str(write_probe(tmp_path / "probe"))
    try:
        done = tidectl("gateway", "up", folder, "--thing", thing, "--site", "farm", "--json",
                       home=shared_home.path)  # fmt: skip
        assert done.code == 0, done.err
        document = done.json()
        assert f"{thing}/probe" in document["measurements"]
        (component,) = document["components"]
        page = component.pop("page")
        assert component == {"component": NAME, "state": "RUNNING"}
        assert document["silent"] == []

        # Of two components that were to bring something the one that did not is named.
        wanted = {"a": [thing], "b": ["never"], "c": []}
        api = QueryApi(find_target("local", shared_home))
        found, silent = first_values(api, wanted, from_ms=0, others_s_max=0.1)
        assert (f"{thing}/probe" in found, silent) == (True, ["b"])

        status = tidectl("gateway", "status", "--thing", thing, home=shared_home.path)
        assert (status.code, NAME in status.out, page in status.out) == (0, True, True)
        log = tidectl("gateway", "logs", NAME, "--thing", thing, home=shared_home.path)
        assert "site farm mode publish" in log.out

        words = ("gateway", "config", NAME, "--thing", thing, "--json")
        done = tidectl(*words, "--set", "mode=quiet", "--set", "deep.x=5", home=shared_home.path)
        assert done.json()["deep"] == {"x": 5}
        wrong = tidectl(*words, "--set", "mode=loud", home=shared_home.path)
        assert "does not take it" in wrong.complaint()
        assert "mode is 'loud'" in wrong.err
        done = tidectl(*words, "--reset", "mode", home=shared_home.path)
        assert f"{NAME} has taken it" in done.err
        assert (done.json()["mode"], done.json()["site"]) == ("publish", "farm")

        again = tidectl("gateway", "up", folder, "--thing", thing, "--no-wait", "--restart",
                        "--set", "site=plant9", "--json", home=shared_home.path)  # fmt: skip
        nucleus = LocalNucleus(core_device(shared_home, thing).nucleus_root)
        (facts,) = nucleus.components()
        assert (facts["starts"], facts["configuration"]["site"]) == (2, "plant9")
        assert again.json()["pid"] == document["pid"]
        settings = tidectl(*words, home=shared_home.path).json()
        assert "deep" in settings
        assert page == f"http://127.0.0.1:{settings['status_port']}/"

        check_restart(tidectl, shared_home, nucleus)
        other = tidectl("gateway", "up", folder, "--thing", thing, "--nucleus", "lite",
                        home=shared_home.path)  # fmt: skip
        assert f"a classic nucleus runs for {thing}, not lite" in other.complaint()
        absent = tidectl("gateway", "config", "no.such", "--thing", thing, home=shared_home.path)
        assert "no.such is not deployed here" in absent.complaint()
        assert NAME in absent.err
        check_remove(tidectl, shared_home, nucleus)
    finally:
        ended = tidectl("gateway", "down", "--thing", thing, "--json", home=shared_home.path)
    assert ended.json() == {"thing": thing, "ended": True}
    assert LocalNucleus(core_device(shared_home, thing).nucleus_root).facts() is None
    for words in (("status",), ("config", NAME)):
        done = tidectl("gateway", *words, "--thing", thing, home=shared_home.path)
        assert "no nucleus is running here" in done.complaint()


def check_restart(tidectl: Run, home: Home, nucleus: LocalNucleus) -> None:
    words = ("--thing", "verbs-gateway", "--json")
    restarted = tidectl("gateway", "restart", NAME, *words, home=home.path)
    told = {"component": NAME, "state": "RUNNING", "errors": []}
    assert restarted.json() == {"components": [told]}
    assert nucleus.components()[0]["starts"] == 3
    log = tidectl("gateway", "logs", NAME, *words, home=home.path)
    assert any("site plant9" in line for line in log.json()["lines"])


def check_remove(tidectl: Run, home: Home, nucleus: LocalNucleus) -> None:
    words = ("--thing", "verbs-gateway", "--json")
    removed = tidectl("gateway", "remove", NAME, *words, home=home.path)
    assert removed.json() == {"removed": [NAME], "left": []}
    assert nucleus.components() == []
    assert (nucleus.root / "work" / NAME).is_dir()


def test_without_a_gateway_each_verb_says_how_to_get_one(tidectl: Run) -> None:
    for words in (("down",), ("status",), ("logs",), ("config", "x"), ("restart", "x"),
                  ("remove", "x")):  # fmt: skip
        assert "there is no gateway" in tidectl("gateway", *words).complaint()
    assert "no component" in tidectl("gateway", "up", "no-such-component").complaint()


def test_a_gateway_of_another_cloud_is_not_run_here(
    tidectl: Run, shared_home: Home, tmp_path: Path
) -> None:
    device = core_device(shared_home, "verbs-elsewhere")
    device.path.mkdir(parents=True)
    (device.path / "gateway.json").write_text('{"target": "aws"}')
    folder = str(write_probe(tmp_path / "probe"))
    done = tidectl("gateway", "up", folder, "--thing", "verbs-elsewhere", home=shared_home.path)
    assert "is a gateway of aws" in done.complaint()
