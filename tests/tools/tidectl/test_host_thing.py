"""This machine publishes like any other thing, and counts on over its starts."""

import json
import shutil
from pathlib import Path

import pytest

from tests.local_cloud import wait_for
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.host_thing import HostThing
from tidectl.ledger import Ledger
from tidectl.query_api import QueryApi
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision


def test_every_sample_is_stored_and_the_sequence_goes_on(
    deployed: Target, shared_home: Home
) -> None:
    folder = provision(deployed, shared_home, "this-host", site="lab", board=False)
    sampled = 0
    for _ in range(2):
        with HostThing(folder, period_s=0.1, batch_samples=3) as host:
            wait_for("some samples", lambda host=host: host.acknowledged >= 6)
        assert (host.acknowledged, host.dropped, host.waiting) == (host.sampled, 0, 0)
        sampled += host.sampled
    api = QueryApi(deployed)
    ledger = Ledger(api)

    def stored() -> int:
        return ledger.samples().get(("this-host", "host"), 0)

    wait_for("all is stored", lambda: stored() == sampled, within_s=30)
    (totals,) = [total for total in ledger.totals() if total.thing == "this-host"]
    assert totals.tiles
    assert {entry.boot for entry in ledger.of_thing("this-host")} == {1, 2}
    newest = api.ask("SELECT * FROM host WHERE thing = 'this-host' ORDER BY time DESC LIMIT 1")
    assert newest.dicts()[0]["memory_available_bytes"] > 0


def test_a_certificate_of_another_cloud_is_a_clear_error(
    deployed: Target, shared_home: Home, tmp_path: Path
) -> None:
    folder = provision(deployed, shared_home, "host-stranger", site="lab", board=False)
    copy = ThingFolder(Path(shutil.copytree(folder.path, tmp_path / "host-stranger")))
    provision(deployed, shared_home, "host-stranger", site="lab", board=False, rotate=True)
    with pytest.raises(TidectlError, match="can't connect") as caught:
        HostThing(copy).start()
    assert "--rotate" in caught.value.hint


def test_broken_counters_are_a_clear_error(deployed: Target, shared_home: Home) -> None:
    folder = provision(deployed, shared_home, "host-broken", site="lab", board=False)
    (folder.path / "counters.json").write_text(json.dumps({"boot": "?"}))
    with pytest.raises(TidectlError, match="counters"):
        HostThing(folder)
