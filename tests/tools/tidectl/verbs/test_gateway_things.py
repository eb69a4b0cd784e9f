"""`tidectl gateway things`: what an operator types, sees and pipes."""

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target


def test_the_list_is_changed_and_shown(tidectl: Run, shared_home: Home, deployed: Target) -> None:
    assert deployed.local
    things = ("gateway", "things")
    added = tidectl(*things, "gw-verb", "--add", "board-*", "--json", home=shared_home.path)
    assert added.json() == {"gateway": "gw-verb", "listed": True, "things": ["board-*"]}
    listed = tidectl(*things, "--json", home=shared_home.path).json()
    assert listed["gateways"]["gw-verb"] == ["board-*"]
    nobody = tidectl(*things, "gw-nobody", home=shared_home.path)
    assert "gw-nobody is not listed" in nobody.err
    assert tidectl(*things, "--add", "x", home=shared_home.path).code == 2
