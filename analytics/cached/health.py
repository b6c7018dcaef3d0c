"""What is known about the data itself."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from analytics import sources
from analytics.access import Viewer
from analytics.cached.access import opened
from analytics.cached.reading import (
    FRESHNESS_TTL,
    MAX_ENTRIES,
    connections,
    last_good,
)
from analytics.readings import Answer, Reading


def newest_event(viewer: Viewer, website_id: str, now: datetime) -> Reading[datetime | None]:
    """When the newest event of any kind happened, UTC; None when there was none in the last 30 days.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `data_freshness`.
    """
    opened(viewer, website_id, now)
    seen = last_good.read(("data_freshness", website_id), lambda: _data_freshness(website_id))
    newest = seen.value["newest_event"].max()
    value = None if pd.isna(newest) else newest.to_pydatetime()
    return seen.with_value(value)


@st.cache_data(show_spinner=False, ttl=FRESHNESS_TTL, max_entries=MAX_ENTRIES)
def _data_freshness(website_id: str) -> Answer[pd.DataFrame]:
    return sources.data_freshness(connections().tinybird, website_id)
