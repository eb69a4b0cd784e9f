from pathlib import Path

from tests.greengrass_components.tidegate.streams.kill_audit import KillAudit


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    tally = KillAudit(tmp_path, seed=11).run(kills=12)
    assert (tally.lost, tally.doubled) == (0, 0), tally
    assert tally.acknowledged > 100, tally
    assert tally.stored >= tally.acknowledged
