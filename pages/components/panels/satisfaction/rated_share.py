"""How many of the resolved conversations visitors rated: a card for all and one for each side."""

import streamlit as st

from analytics.cached import RatedShare, Reading
from analytics.kpis.satisfaction.rated_share import METRICS
from analytics.scope.clock import Bucket
from analytics.scope.periods import Range
from pages.components.charts import sparkline
from pages.components.metrics import kpi_cards
from pages.components.page.panel import empty

CARD_MIN_WIDTH_PX = 180


def draw_cards(reading: Reading[RatedShare], bucket: Bucket, longer: Range | None) -> bool:
    """Draw the cards of `cached.rated_share`; returns whether a conversation was resolved in the period. `longer` is a range that has more."""
    share = reading.value
    if share.kpis["all"].value is None:
        empty("No resolved conversations in this period", "Choose a longer range.", longer)
        return False
    points = sparkline.points_of(share.series, METRICS.values(), bucket)
    with st.grid(
        len(METRICS), min_column_width=CARD_MIN_WIDTH_PX, gap="xsmall", border=True, key="rated-grid"
    ) as grid:
        for kpi in share.kpis.values():
            with grid.cell(), st.container(gap="xsmall", key=f"total-{kpi.metric.key}"):
                kpi_cards.draw_card(kpi, points[kpi.metric.key], reading.queries)
    return True
