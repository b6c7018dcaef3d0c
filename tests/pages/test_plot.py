"""Figures are built once for all viewers, and again for other arguments."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly.basedatatypes import BaseFigure

from analytics.kpis.declarations import KPIS, KpiDeclaration
from pages.components.charts import plot
from pages.components.theme_colors import Palette, palette
from tests.pages.conftest import RunPage, SendEvents, Site


@pytest.fixture
def busy(three_conversations: Site, send_events: SendEvents) -> Site:
    """Three conversations and a visitor, all of yesterday."""
    site = three_conversations
    visit = {
        "timestamp": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
        "website_id": site.id,
        "visitor_id": "v",
        "session_id": "s",
        "event_type": "seen",
        "country_code": "FR",
    }
    assert send_events("visitor_events", [visit]) == {"successful_rows": 1, "quarantined_rows": 0}
    return site


@pytest.mark.parametrize(
    "path", ["app.py", "pages/conversations.py", "pages/satisfaction.py", "pages/visitors.py"]
)
def test_a_page_that_is_drawn_again_builds_no_figure(
    path: str, run_page: RunPage, busy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the viewer who drew it nor for another one; both see the same charts."""
    built = 0
    original = BaseFigure.__init__

    def counted(self: BaseFigure, *args: object, **kwargs: object) -> None:
        nonlocal built
        built += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(BaseFigure, "__init__", counted)
    page = run_page(path, website=busy.slug, range="7d", tz="UTC")
    assert not page.exception
    charts = [each.proto.spec for each in page.get("plotly_chart")]
    assert charts
    assert built
    built = 0
    page.run()
    other = run_page(path, website=busy.slug, range="7d", tz="UTC")
    assert not built
    for again in (page, other):
        assert [each.proto.spec for each in again.get("plotly_chart")] == charts


def test_a_kept_figure_depends_on_each_argument() -> None:
    """Two KPIs, two colours, or two frames that differ in one value or one name: figures of their own."""

    @plot.kept
    def figure(frame: pd.DataFrame, metric: KpiDeclaration, colours: Palette) -> go.Figure:
        return go.Figure(layout={"title": {"text": f"{frame} {metric.key} {colours.text}"}})

    frame = pd.DataFrame({"a": [1.0, 2.0]})
    response, resolution = KPIS["median_response"], KPIS["median_resolution"]
    light, dark = palette(is_dark=False), palette(is_dark=True)
    first = figure(frame, response, light)
    assert figure(frame.copy(), response, light) is first
    others = [
        figure(frame, resolution, light),
        figure(frame, response, dark),
        figure(frame + 1, response, light),
        figure(frame.rename(columns={"a": "b"}), response, light),
    ]
    assert len({id(each) for each in (first, *others)}) == 1 + len(others)
    assert all(each.layout.template == plot.TEMPLATE for each in (first, *others))
