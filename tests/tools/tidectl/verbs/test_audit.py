"""`tidectl audit` tells people and programs, and fails when something is lost."""

from collections.abc import Callable, Iterator

import pytest

from tests.line.line import Line
from tests.tools.tidectl.conftest import Done
from tests.tools.tidectl.publishing import Publisher


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A cloud in which batch 1 of one thing never came."""
    with Line(tmp_path_factory.mktemp("lossy")) as line:
        publisher = Publisher(line.target, line.home, "gappy")
        publisher.send([0, 2])
        publisher.entries(2)
        publisher.close()
        yield line


def test_a_loss_is_told_and_fails(tidectl: Callable[..., Done], lossy: Line) -> None:
    done = tidectl("audit", "--settle", "0", home=lossy.home.path)
    assert done.code == 1
    assert "gap gappy: batches 1 to 1 are missing" in done.err
    assert "not whole" in done.err


def test_programs_get_every_fault(tidectl: Callable[..., Done], lossy: Line) -> None:
    done = tidectl("audit", "--settle", "0", "--json", home=lossy.home.path)
    assert done.code == 1
    document = done.json()
    assert (document["lost"], document["lost_batches"], document["duplicated"]) == (1, 1, 0)
    assert [(gap["thing"], gap["first"], gap["last"]) for gap in document["gaps"]] == [
        ("gappy", 1, 1)
    ]


def test_what_came_long_ago_can_be_left_out(tidectl: Callable[..., Done], lossy: Line) -> None:
    done = tidectl("audit", "--since", "0s", "--json", home=lossy.home.path)
    assert (done.code, done.json()["things"]) == (0, 0)


def test_a_since_that_is_no_time_is_wrong_use(tidectl: Callable[..., Done], lossy: Line) -> None:
    done = tidectl("audit", "--since", "tomorrow", home=lossy.home.path)
    assert done.code == 2
    assert "--since" in done.err
