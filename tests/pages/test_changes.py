"""How a change reads: its range never claims more than there is, and a large grey one says why."""

import re
from datetime import UTC, datetime, timedelta
from math import inf
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.kpis.verdicts import Delta, Unit, rounds_to_zero
from analytics.scope.periods import Range
from analytics.scope.views import View
from analytics.sources import VisitorFilters
from pages.components.metrics import changes
from pages.components.theme_colors import palette
from tests.pages.conftest import SendEvents, Site


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (Delta(-0.36, "relative", "within_noise", low=-0.58, high=0.06), "between −58 and +6 %"),
        (Delta(0.01, "relative", "better", low=0.004, high=0.016), "between +0.4 and +1.6 %"),
        (Delta(0.0, "relative", "unchanged", low=-0.0004, high=0.0004), "between −0.04 and +0.04 %"),
        (Delta(-0.99, "relative", "worse", low=-0.9996, high=-0.6), "between −99.96 and −60.00 %"),
        (Delta(-1.0, "relative", "worse", low=-1.0, high=-0.2), "between −100 and −20 %"),
        (Delta(5.0, "relative", "within_noise", low=-0.5, high=inf), "−50 % or more"),
        (Delta(12.0, "relative", "better", low=9.0, high=20.5), "between +900 and +2,050 %"),
        (Delta(2.0, "points", "within_noise", low=-4.52, high=0.5), "between −4.5 and +0.5 points"),
        (Delta(4.0, "relative", "within_noise", low=-0.998, high=2432.325), "−99.8 % or more"),
        (Delta(4.0, "relative", "within_noise", low=-0.9999999, high=2e9), "−100 % or more"),
        (Delta(99.0, "relative", "better", low=15.69, high=598.08), "+1,569 % or more"),
        (Delta(-0.5, "relative", "better", low=-0.5, high=-0.5), None),
        (Delta(0.0, "relative", "unchanged", low=0.0, high=0.0), None),
        (Delta(0.5, "relative", "within_noise"), None),
        (Delta(None, "pp", "off"), None),
    ],
)
def test_a_range_claims_no_end_that_is_not_there(delta: Delta, text: str | None) -> None:
    """An end is zero or −100 only when it is; one that rounds to it gets more decimals."""
    assert changes.range_text(delta) == text


RELATIVE = st.one_of(
    st.floats(-1.0, 1.0), st.floats(-1.0, 1e6), st.floats(-1.0, -0.99), st.floats(-0.01, 0.01)
)


@given(unit=st.sampled_from(get_args(Unit)), change=RELATIVE)
@example(unit="relative", change=0.004)
@example(unit="relative", change=0.005)
@example(unit="relative", change=-0.997)
@example(unit="relative", change=-0.99999)
@example(unit="pp", change=-0.05)
@example(unit="points", change=0.049)
def test_what_a_change_shows_is_what_its_sign_and_its_arrow_say(unit: Unit, change: float) -> None:
    """0 alone has no sign and no arrow, and is `unchanged` to the verdict; a fall of all alone is −100 %."""
    text = changes.change_text(Delta(change, unit, "better"))
    assert text is not None
    number = float(re.sub("[^0-9.]", "", text))
    assert (number == 0) == rounds_to_zero(change, unit)
    if number == 0:
        assert (text[0], changes.arrow(text)) == ("0", "off")
    elif change > 0:
        assert (text[0], changes.arrow(text)) == ("+", "up")
    else:
        assert (text[0], changes.arrow(text)) == ("−", "down")
    assert (text == "−100 %") == (unit == "relative" and change == -1.0)


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (
            Delta(
                2.0,
                "relative",
                "within_noise",
                "3 against 1 visitors are too few to be sure of it",
                is_twofold=True,
            ),
            ["May be chance: 3 against 1 visitors are too few to be sure of it"],
        ),
        (Delta(2.0, "relative", "better", is_twofold=True), []),
        (Delta(0.1, "relative", "within_noise", "10 against 9 are too few to be sure of it"), []),
        (
            Delta(0.0, "relative", "unchanged", basis="per hour, 25 h against 24 h"),
            ["Compared per hour, 25 h against 24 h"],
        ),
    ],
)
def test_a_large_change_is_never_just_grey(delta: Delta, said: list[str]) -> None:
    """Why it may be chance, and what the change is of."""
    assert changes.doubts(delta) == said


def _draw_every_verdict() -> None:
    """Draw a change of each verdict: a chip and a row of a breakdown."""
    from collections.abc import Hashable
    from dataclasses import replace
    from typing import get_args

    import streamlit as st

    from analytics.kpis.declarations import KPIS
    from analytics.kpis.metrics import Kpi
    from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Verdict
    from pages.components.metrics import kpi_cards
    from pages.components.panels import visitor_breakdown
    from pages.components.theme_colors import palette

    for verdict in get_args(Verdict):
        metric = replace(KPIS["ai_handled"], title=verdict, key=verdict)
        kpi_cards.draw_card(Kpi(metric, NOTHING_MEASURED, None, Delta(0.3, "relative", verdict)), (), ())
        row: dict[Hashable, object] = {
            "visitors": 1,
            "visitors_ratio": 0.5,
            "verdict": verdict,
            "reason": None,
        }
        row |= {"change_ratio": 0.3, "change_low_ratio": 0.1, "change_high_ratio": 0.5}
        st.html(visitor_breakdown._figures(row, 50.0, palette(), is_compared=True, is_apart=True))
        st.html(visitor_breakdown._figures(row, 50.0, palette(), is_compared=True, is_apart=False))


def test_only_a_real_change_has_a_colour() -> None:
    """Nothing is green or red that rounds to zero, may be chance, or is not compared; a row of visitors never is.

    A row that changed as all visitors did stands back.
    """
    page = AppTest.from_function(_draw_every_verdict, default_timeout=60).run()
    assert not page.exception
    colours, words = (
        palette(is_dark=False),
        {str(verdict): said for verdict, said in changes.VERDICTS.items()},
    )
    expected = {"better": ("GREEN", colours.text), "worse": ("RED", colours.text)}
    rows = [each for each in page.get("html") if 'class="facts"' not in each.proto.body]
    for metric, row, as_all in zip(page.metric, rows[::2], rows[1::2], strict=True):
        chip, text = expected.get(metric.label, ("GRAY", colours.muted))
        assert metric.proto.delta_description == words[metric.label]
        assert metric.proto.MetricColor.Name(metric.proto.color) == chip
        assert f'<span style="color:{text}"' in row.proto.body
        assert f'<span style="color:{colours.muted}"' in as_all.proto.body


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [((14, 15, 14, 15, 14, 15), "better"), ((39, 1, 39, 1, 39, 1), "within_noise")],
    ids=["every day a little more", "wild days"],
)
def test_overview_visitors_and_rows_agree_on_a_verdict(
    site: Site, send_events: SendEvents, pattern: tuple[int, ...], verdict: str
) -> None:
    """The card of Overview, that of Visitors and the row of a country where all are from: judged by the same days."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for back in range(1, 7):
        for week, visitors in ((0, pattern[back - 1] * 10), (7, 90)):
            at = (midnight - timedelta(days=back + week)).isoformat()
            common = {"timestamp": at, "website_id": site.id, "event_type": "seen", "country_code": "FR"}
            names = (f"v{back + week}-{number}" for number in range(visitors))
            rows += [{**common, "visitor_id": name, "session_id": name} for name in names]
    assert send_events("visitor_events", rows)["successful_rows"] == len(rows)
    now = datetime.now(UTC)
    view = View(cached.viewer_for(None, now), site.id, Range(days=7), "UTC", now)
    found = cached.visitor_breakdown(cached.open_view(view), VisitorFilters()).value
    card = cached.kpis(cached.open_view(view)).value.kpis["unique_visitors"].delta
    assert card == found.totals["visitors"].delta
    assert card.verdict == verdict
    assert found.totals["sessions"].delta.verdict == verdict
    (row,) = found.values["country_code"].to_dict("records")
    assert (row["verdict"], row["change_ratio"]) == (card.verdict, card.change)
    assert (row["change_low_ratio"], row["change_high_ratio"]) == (card.low, card.high)
