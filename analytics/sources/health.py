"""What is read about the data itself."""

from __future__ import annotations

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.asking import pipe_frame
from analytics.tinybird import Tinybird


def data_freshness(tinybird: Tinybird, website_id: str) -> Answer[pd.DataFrame]:
    """One row per data source and event type: the newest event (NaT when none in 30 days) and how many.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `data_freshness`.
    """
    return pipe_frame(tinybird, schemas.DATA_FRESHNESS, {"website_id": website_id})
