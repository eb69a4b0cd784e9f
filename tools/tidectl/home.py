"""The directory that keeps what tidectl made on this machine: `.tidegauge` unless told.

local/            the local cloud's state       local.log        what it says
things/<thing>/   a thing's identity and flash image
claims/<claim>/   a certificate that boards ask for their own with
update_keys/      what updates are signed with
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidectl.errors import TidectlError

OWNER_ONLY = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below `path`; folders are made when asked for, for their owner only."""

    path: Path

    @property
    def local_state(self) -> Path:
        """The local cloud's own directory."""
        return self.path / "local"

    @property
    def local_log(self) -> Path:
        """What the local cloud writes to its standard output and error."""
        return self.path / "local.log"

    def thing_folder(self, thing: str) -> Path:
        """Return where the files of `thing` are, whether or not they exist."""
        return self.path / "things" / thing

    @property
    def update_keys(self) -> Path:
        """The keys that updates are signed with, and what boards check them by."""
        return self.path / "update_keys"

    def claim_folder(self, claim: str) -> Path:
        """Return where the files of `claim` are, whether or not they exist."""
        return self.path / "claims" / claim

    def claims(self) -> Iterator[Path]:
        """Yield the folders of the claims made here, by name."""
        for folder in sorted((self.path / "claims").glob("[!.]*")):
            if (folder / "claim.json").exists():
                yield folder

    def things(self) -> Iterator[Path]:
        """Yield the folders of the things provisioned here, by name."""
        for folder in sorted((self.path / "things").glob("*")):
            if (folder / "thing.json").exists():
                yield folder

    def make(self, folder: Path) -> Path:
        """Return `folder`, made with its parents below the home; raises `TidectlError`."""
        try:
            for part in reversed([folder, *folder.parents]):
                if part == self.path or self.path in part.parents:
                    part.mkdir(mode=OWNER_ONLY, exist_ok=True, parents=part == self.path)
        except OSError as error:
            raise TidectlError(
                f"can't make {folder}: {error.strerror}", "give another directory with --home"
            ) from error
        if not os.access(folder, os.W_OK):
            raise TidectlError(f"can't write to {folder}", "give another directory with --home")
        return folder
