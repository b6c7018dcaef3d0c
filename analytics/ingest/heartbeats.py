"""Which `seen` heartbeats repeat one that was sent within the last minute. Pure."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

QUIET: Final = timedelta(minutes=1)
MAX_VISITORS: Final = 100_000
"""Some thirty megabytes at most; whoever was not sent for longest is forgotten first."""


class Heartbeats:
    """When each visitor of each website was last sent, by this process or by its parent before a fork.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_repeated(self, website_id: str, visitor_id: str, at: datetime) -> bool:
        """Whether a heartbeat less than a minute before or after was sent."""
        sent = self._sent.get((website_id, visitor_id))
        return sent is not None and abs(at - sent) < QUIET

    def note(self, website_id: str, visitor_id: str, at: datetime) -> None:
        """Remembers that this heartbeat is sent."""
        key = website_id, visitor_id
        self._sent[key] = at
        self._sent.move_to_end(key)
        if len(self._sent) > MAX_VISITORS:
            self._sent.popitem(last=False)
