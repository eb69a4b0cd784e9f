"""A bench whose broker is a fleet's, and boards without an identity for it."""

from pathlib import Path
from typing import Any

from tests.firmware.lib.tidenode import identities
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, SETTINGS, Bench
from tests.firmware.lib.tidenode.fleet_broker import FleetBroker
from tidectl.claim_image import build_claim_image
from tidectl.simulated_board import RESET_EXIT_CODE, SimulatedBoard

SERIAL = "02:00:00:00:00:00"  # of the first board of a bench


class ClaimBench(Bench):
    """One claim, for boards of any serial number."""

    broker: FleetBroker

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.broker.close()
        self.broker = FleetBroker(folder, identities.server(self.authority), self.authority)
        self.claim = identities.thing(self.authority, "claim")

    def blank_image(self, **settings: Any) -> Path:
        """Return a flash image that claims; `settings` replace SETTINGS."""
        config = {key: value for key, value in SETTINGS.items() if key not in ("thing", "site")}
        broker = {"host": "127.0.0.1", "port": self.broker.port}
        image = build_claim_image(
            config | settings,
            {"broker": broker, "template": "tidegauge"},
            self.claim.certificate_der(),
            self.claim.key_der(),
            self.authority.certificate_der(),
        )
        path = self.folder / "flash.img"
        path.write_bytes(image)
        return path

    def wait_for_resets(self, board: SimulatedBoard, count: int = 1) -> None:
        """Return when the board has started anew so often: after its request, after its errand."""
        for _ in range(count):
            assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE, self.log()[-800:]
            board.start()
        # Out of memory it starts anew once more; what it has is on flash.
        while count > 1 and "is the thing" not in self.log() and "otat" not in self.log():
            assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE, self.log()[-800:]
            board.start()
