"""Where the benches install what they measure beside us, each in a folder of its own."""

import os
from pathlib import Path

PEERS = Path(os.environ.get("TIDEGAUGE_PEERS", ".tidegauge/peers")).absolute()


class PeerMissingError(Exception):
    """The peer can't be installed here; the message says why."""
