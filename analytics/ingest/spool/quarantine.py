"""Finds the events of a batch that Tinybird put into quarantine, and why. Owns the SQL for that.

The Events API says how many, not which; the quarantine says which, to a token that may read it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Final

from analytics.errors import AnalyticsError
from analytics.ingest.events import ConversationEvent, VisitorEvent
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Row

_KEYS: Final = {
    VisitorEvent.DATASOURCE: ("timestamp", "website_id", "visitor_id", "event_type", "page_url"),
    ConversationEvent.DATASOURCE: ("timestamp", "website_id", "visitor_id", "event_type", "conversation_id"),
}
"""Texts that tell events apart; the quarantine holds every column as a text or NULL."""

_STATEMENTS: Final = {
    datasource: (
        f"SELECT {', '.join(f'`{key}` AS {key}' for key in keys)}, arrayStringConcat(c__error, '; ') AS reason "  # noqa: S608  # constants
        f"FROM {datasource}_quarantine WHERE insertion_date > now() - INTERVAL 10 MINUTE "
        "ORDER BY insertion_date DESC LIMIT 50000"
    )
    for datasource, keys in _KEYS.items()
}


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The events of a batch that are in quarantine.

    Attributes:
        lines: They, each with its newline; the whole batch when it is not known which ones.
    """

    lines: bytes
    reason: str


def quarantined_lines(tinybird: Tinybird, datasource: str, body: bytes, count: int) -> Quarantined:
    """Finds the quarantined events of a batch that Tinybird has just answered."""
    lines = body.splitlines(keepends=True)
    is_all = count >= len(lines)
    unknown = f"{count} of these {len(lines)} events; only an admin token shows which ones"
    said = "Tinybird quarantined " + (f"all {count} events" if is_all else unknown)
    if not tinybird.has_admin_token:
        return Quarantined(body, said)
    try:
        rows = tinybird.query_sql(f"{datasource}_quarantine", _STATEMENTS[datasource]).rows
    except AnalyticsError as error:
        return Quarantined(body, f"{said}, and it could not be asked: {error.message}")
    reasons = {_key(row, datasource): str(row["reason"]) for row in rows}
    found = [line for line in lines if _key(json.loads(line), datasource) in reasons]
    why = Counter(reasons[_key(json.loads(line), datasource)] for line in found).most_common(3)
    if len(found) != count:
        return Quarantined(body, said)
    return Quarantined(b"".join(found), "Tinybird quarantined them: " + "; ".join(text for text, _ in why))


def _key(event: Row, datasource: str) -> tuple[str, ...]:
    values = (event.get(key) or "" for key in _KEYS[datasource])
    return tuple(value if isinstance(value, str) else json.dumps(value) for value in values)
