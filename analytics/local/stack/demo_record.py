"""Reads and writes `demo.json` of a data directory: which demo it holds, and up to which instant."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from analytics.ingest.spool.files import OWNER_ONLY, write_whole

VERSION = 5
"""Of the demo data. A directory that holds another version gets new demo data."""


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """The demo that a data directory holds.

    Attributes:
        anchor: When it was first made, UTC seconds.
        until: Up to when it is complete, UTC seconds.
        is_complete: False while it is being made; the next start deletes such a demo and makes it again.
    """

    seed: int
    anchor: int
    until: int
    is_complete: bool
    version: int = VERSION

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """The record in `directory`; None when there is no readable one."""
        try:
            values = json.loads(_path(directory).read_text(encoding="utf-8"))
            return cls(**values)
        except (OSError, ValueError, TypeError):
            return None

    def write(self, directory: Path) -> Self:
        """Writes the record in one step; returns itself."""
        write_whole(_path(directory), json.dumps(asdict(self)).encode(), OWNER_ONLY)
        return self

    def reaching(self, until: int) -> Self:
        """The record of the same demo, complete up to `until`."""
        return replace(self, until=until, is_complete=True)


def _path(directory: Path) -> Path:
    return directory / "demo.json"
