"""`tidectl config set`: what a board would refuse is refused before it hears of it."""

from collections.abc import Callable

import pytest

from tests.tools.tidectl.conftest import Done, Run
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision
from tidectl.wanted_settings import check

CLIMATE = {"name": "climate", "driver": "bme280", "period_ms": 1_000}
IN_FORCE = {"measurements": [CLIMATE], "batch": {"age_ms_max": 500}}


@pytest.fixture
def set_(tidectl: Run, shared_home: Home, deployed: Target) -> Callable[..., Done]:
    """Run the verb for a thing that has `control` and has not connected."""
    settings = {"measurements": [CLIMATE], "control": {}}
    if not shared_home.thing_folder("config-1").exists():
        provision(deployed, shared_home, "config-1", settings=settings, board=False)
    return lambda thing, *words: tidectl("config", "set", thing, *words, home=shared_home.path)


def test_a_mistake_is_not_sent_unless_somebody_insists(set_: Callable[..., Done]) -> None:
    done = set_("config-1", "batch.age_max=400")
    said = "config.json: 1 mistake: batch.age_max: unknown key, perhaps age_ms_max"
    assert done.complaint() == f"config-1 would refuse it: {said}"
    assert set_("config-1", "batch.age_max=400", "--force", "--json").json()["version"] == 1
    good = set_("config-1", "batch.age_ms_max=400")
    assert good.code == 0, good.err
    assert "note:" not in good.err


def test_there_has_to_be_such_a_thing(set_: Callable[..., Done]) -> None:
    assert set_("config-nobody", "batch.age_ms_max=400").complaint() == (
        "there is no thing config-nobody"
    )


def test_a_board_that_does_not_listen_is_warned_of(
    set_: Callable[..., Done], shared_home: Home, deployed: Target
) -> None:
    provision(deployed, shared_home, "config-2", board=False)
    assert "without `control`" in set_("config-2", "batch.age_ms_max=400").err


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"wifi": {"ssid": "a"}}, "wifi: can't be changed from afar"),
        ({"measurements": [CLIMATE | {"address": 4}]}, "measurements[0].address: must be"),
        (
            {"measurements": [CLIMATE, CLIMATE | {"name": "b", "scl_pin": 5}]},
            "measurements[1]: I2C bus 0",
        ),
    ],
)
def test_the_rules_are_the_boards(wanted: dict[str, object], why: str) -> None:
    with pytest.raises(TidectlError, match="greenhouse-1 would refuse it: ") as caught:
        check("greenhouse-1", IN_FORCE, wanted)
    assert why in str(caught.value)


@pytest.mark.parametrize("wanted", [{"batch": {"age_ms_max": 400}}, {"batch": None}, {}])
def test_what_it_would_take_passes(wanted: dict[str, object]) -> None:
    check("greenhouse-1", IN_FORCE, wanted)


def test_of_a_board_that_nobody_knows_nothing_is_refused() -> None:
    check("greenhouse-1", {}, {"lunch": True})
