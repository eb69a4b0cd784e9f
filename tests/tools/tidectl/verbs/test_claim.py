"""`tidectl claim`: what an operator types, sees and pipes."""

import json

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target


def _serials(tidectl: Run, home: Home) -> dict[str, dict[str, object]]:
    listed = tidectl("claim", "list", "--json", home=home.path).json()
    return {one["serial"]: one for one in listed["serials"]}


def test_a_claim_is_made_listed_and_revoked(tidectl: Run, shared_home: Home) -> None:
    done = tidectl("claim", "make", "verbs", home=shared_home.path)
    assert done.code == 0, done.err
    folder = shared_home.claim_folder("verbs")
    assert f"its files are in {folder}" in done.err
    assert "next: tidectl claim allow" in done.err
    again = tidectl("claim", "make", "verbs", home=shared_home.path)
    assert "exists already" in again.complaint()
    listed = tidectl("claim", "list", home=shared_home.path)
    assert "verbs" in listed.out
    done = tidectl("claim", "revoke", "verbs", "--json", home=shared_home.path)
    assert done.json() == {"revoked": "verbs"}
    assert (
        "there is no claim verbs here"
        in tidectl("claim", "revoke", "verbs", home=shared_home.path).complaint()
    )


def test_json_has_the_claims_facts_and_no_key(tidectl: Run, shared_home: Home) -> None:
    done = tidectl("claim", "make", "verbs-json", "--json", home=shared_home.path)
    document = done.json()
    assert (document["claim"], document["template"]) == ("verbs-json", "tidegauge")
    key = (shared_home.claim_folder("verbs-json") / "claim_key.der").read_bytes()
    assert key.hex() not in done.out
    tidectl("claim", "revoke", "verbs-json", home=shared_home.path)


def test_serial_numbers_are_allowed_listed_and_refused(tidectl: Run, shared_home: Home) -> None:
    done = tidectl(
        "claim", "allow", "V:1", "--thing", "verb-1", "--site", "farm", home=shared_home.path
    )
    assert "V:1 may become verb-1 at farm until " in done.err
    more = tidectl("claim", "allow", "V2", "V3", "--days", "1", "--json", home=shared_home.path)
    assert [one["thing"] for one in more.json()["allowed"]] == ["V2", "V3"]
    found = _serials(tidectl, shared_home)
    assert (found["V:1"]["thing"], found["V:1"]["site"]) == ("verb-1", "farm")
    assert found["V:1"]["came"] is False
    assert found["V2"]["site"] == "home"
    assert "verb-1" in tidectl("claim", "list", home=shared_home.path).out
    done = tidectl("claim", "refuse", "V:1", "V2", "V9", "--json", home=shared_home.path)
    assert done.json() == {"refused": ["V:1", "V2"], "absent": ["V9"]}
    assert "V3 may no longer ask" in tidectl("claim", "refuse", "V3", home=shared_home.path).err
    assert not {"V:1", "V2", "V3"} & _serials(tidectl, shared_home).keys()


def test_a_thing_whose_board_is_replaced_gets_its_serial_number(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    tidectl("provision", "verb-replaced", home=shared_home.path)
    tidectl(
        "claim", "allow", "V7", "--thing", "verb-replaced", "--site", "farm", home=shared_home.path
    )
    thing = deployed.client("iot").describe_thing(thingName="verb-replaced")
    assert thing["attributes"] == {"serial_number": "V7", "site": "farm"}
    assert _serials(tidectl, shared_home)["V7"]["came"] is True
    tidectl("claim", "refuse", "V7", home=shared_home.path)


def test_mistakes_are_one_clear_line(tidectl: Run, shared_home: Home, deployed: Target) -> None:
    for words in (["V 1"], ["V1", "--thing", "a/b"], ["V1", "--site", "a b"]):
        done = tidectl("claim", "allow", *words, home=shared_home.path)
        assert "names are 1 to 64" in done.err
        assert done.complaint()
    both = tidectl("claim", "allow", "V1", "V2", "--thing", "x", home=shared_home.path)
    assert both.code == 2
    assert "--thing names one board, not 2" in both.err
    bucket = deployed.stack_outputs()["FleetBucketName"]
    storage = deployed.client("s3")
    storage.put_object(Bucket=bucket, Key="serials/V8.json", Body=json.dumps({"thing": 1}))
    done = tidectl("claim", "list", home=shared_home.path)
    assert done.code == 0
    assert "the entry of V8 can't be read" in done.err
    assert "tidectl claim allow V8" in done.err
    assert "the entry of V8" in str(_serials(tidectl, shared_home)["V8"]["mistake"])
    assert tidectl("claim", "refuse", "V8", home=shared_home.path).code == 0
