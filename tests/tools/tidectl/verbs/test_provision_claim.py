"""`tidectl provision --claim`: what it prepares, and what may be done with it before it is used."""

import json
import stat

from tests.tools.tidectl.conftest import Run
from tidectl.board_sync import Plan, plan
from tidectl.claim import revoke_claim
from tidectl.firmware_image import queued_batches
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import ThingFolder
from tidectl.update_key import P256, make_key


def test_a_board_is_prepared_in_one_go(tidectl: Run, shared_home: Home, deployed: Target) -> None:
    home = shared_home.path
    done = tidectl(
        "provision", "claimed-1", "--claim", "--claim-name", "one-go", "--site", "farm",
        "--serial", "24:6f:28:00:00:01", "--days", "2", home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "the board 24:6f:28:00:00:01 may become claimed-1" in done.err
    assert "next: tidectl device run claimed-1" in done.err
    folder = ThingFolder(shared_home.thing_folder("claimed-1"))
    for path in folder.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    facts = folder.facts()
    assert (facts["claim"], facts["identity"], facts["site"]) == ("one-go", "board", "farm")
    assert facts["certificate_id"] is None
    config = folder.config()
    assert (config["thing"], config["serial"]) == ("claimed-1", "24:6f:28:00:00:01")
    assert queued_batches(folder.image_path.read_bytes()) == {}
    files = folder.files()
    assert {"/claim.der", "/claim_key.der", "/claim.json", "/root.der"} < files.keys()
    assert not {"/cert.der", "/key.der"} & files.keys()
    listed = tidectl("claim", "list", "--json", home=home).json()
    mine = [one for one in listed["serials"] if one["serial"] == "24:6f:28:00:00:01"]
    assert (mine[0]["thing"], mine[0]["site"], mine[0]["came"]) == ("claimed-1", "farm", False)
    info = tidectl("device", "info", "claimed-1", "--json", home=home).json()
    assert (info["thing"], info["certificate_id"]) == ("claimed-1", None)
    assert "claimed-1" in tidectl("device", "list", home=home).out
    revoke_claim(deployed, shared_home, "one-go")


def test_a_claim_is_made_once_for_all_its_boards(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    home = shared_home.path
    for thing in ("claimed-2", "claimed-3"):
        done = tidectl(
            "provision", thing, "--claim", "--claim-name", "once", "--json", home=home
        ).json()
        assert (done["serial"], done["site"]) == (thing, "home")
    folders = [ThingFolder(shared_home.thing_folder(name)) for name in ("claimed-2", "claimed-3")]
    first, second = ((folder.path / "claim.der").read_bytes() for folder in folders)
    assert first == second
    again = tidectl("provision", "claimed-2", "--claim", "--claim-name", "once", home=home)
    assert "claimed-2 exists already" in again.complaint()
    revoke_claim(deployed, shared_home, "once")


def test_a_boards_own_identity_is_left_alone_by_sync(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    tidectl("provision", "claimed-4", "--claim", "--claim-name", "sync", home=shared_home.path)
    folder = ThingFolder(shared_home.thing_folder("claimed-4"))
    on_board = dict.fromkeys(("/cert.der", "/key.der"), "0" * 64)
    todo = plan(folder.files_beside_identity(), on_board)
    assert isinstance(todo, Plan)
    assert not [path for path in (*todo.changed, *todo.removed) if path in on_board]
    assert not [path for path in todo.changed if path.startswith("/claim")]
    revoke_claim(deployed, shared_home, "sync")


def test_a_key_made_here_takes_the_claims_place(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    home = shared_home.path
    tidectl("provision", "claimed-5", "--claim", "--claim-name", "place", home=home)
    done = tidectl("provision", "claimed-5", "--rotate", "--json", home=home)
    assert done.code == 0, done.err
    folder = ThingFolder(shared_home.thing_folder("claimed-5"))
    assert not folder.identity_on_board
    assert not list(folder.path.glob("claim*"))
    assert {"/cert.der", "/key.der"} < folder.files().keys()
    revoke_claim(deployed, shared_home, "place")


def test_a_board_with_a_claim_knows_the_keys_of_updates(
    shared_home: Home, deployed: Target, tidectl: Run
) -> None:
    tidectl("provision", "claimed-6", "--claim", "--claim-name", "keys", home=shared_home.path)
    folder = ThingFolder(shared_home.thing_folder("claimed-6"))
    key = make_key(shared_home, "claimed", P256)
    name, public = key.public()
    assert folder.files()[f"/update_keys/{name}"] == public
    revoke_claim(deployed, shared_home, "keys")


def test_mistakes_are_one_clear_line(tidectl: Run, shared_home: Home) -> None:
    home = shared_home.path
    assert tidectl("provision", "x", "--claim", "--rotate", home=home).code == 2
    done = tidectl("provision", "x", "--serial", "A1", home=home)
    assert (done.code, "belong to --claim" in done.err) == (2, True)
    done = tidectl("provision", "x", "--claim", "--serial", "A 1", home=home)
    assert "names are 1 to 64" in done.err
    assert not shared_home.thing_folder("x").exists()
    bad = home / "bad.json"
    bad.write_text(json.dumps({"measurements": [{"name": "Climate"}]}))
    done = tidectl(
        "provision", "claimed-7", "--claim", "--claim-name", "bad", "--config", str(bad), home=home
    )
    assert "measurements[0]" in done.complaint()
    assert not shared_home.thing_folder("claimed-7").exists()
    listed = tidectl("claim", "list", "--json", home=home).json()
    assert "claimed-7" not in [one["serial"] for one in listed["serials"]]
    tidectl("claim", "revoke", "bad", home=home)
