"""Explain: the other readings of a KPI, and the question it came from."""

from datetime import UTC, datetime, timedelta

from analytics.metrics import Delta, Kpi
from pages.components import explain
from pages.components.charts import METRICS
from tests.pages.conftest import RunPage, Site

KPI = Kpi(
    key="median_response",
    value=98.0,
    n=685,
    n_unit="responses",
    delta=Delta(-0.24, "relative", "better"),
    direction="lower",
    previous_value=129.0,
    previous_n=742,
    p90=486.0,
    mean=646.0,
    low=90.0,
    high=106.0,
)


def test_every_reading_has_its_name_and_exact_seconds() -> None:
    """Mean and p90 stand beside the median, with n and the interval."""
    assert explain.facts(KPI, METRICS["response"]) == [
        ("Median", "1 m 38 s (98 s)"),
        ("Mean", "10 m 46 s (646 s)"),
        ("p90: nine out of ten within", "8 m 6 s (486 s)"),
        ("95 % interval", "1 m 30 s to 1 m 46 s"),
        ("n", "685 responses"),
        ("Period before", "2 m 9 s (129 s)"),
        ("n of the period before", "742"),
    ]


def test_what_does_not_exist_is_left_out() -> None:
    """Nothing measured: n alone, and it is 0."""
    nothing = Kpi("ai_handled", None, 0, "resolved conversations", Delta(None, "pp", "off"), "higher")
    assert explain.facts(nothing, METRICS["ai"]) == [("n", "0 resolved conversations")]


def test_each_card_names_its_pipe_and_parameters(run_page: RunPage, three_conversations: Site) -> None:
    """Satisfaction names both of its sources; the dates are those of the view, in UTC."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC")
    assert not page.exception
    asked = [code.value for code in page.code]
    first = (datetime.now(UTC) - timedelta(days=6)).date()
    assert len([text for text in asked if f"website_id={three_conversations.id}" in text]) == 6
    assert all(f"date_from={first} 00:00:00" in text for text in asked if text.startswith("website_id"))
    captions = " ".join(caption.value for caption in page.caption)
    assert {"inbox_analytics", "unique_visitors", "rating_and_sentiment"} <= set(captions.split("`"))


def test_the_cards_of_visitors_name_theirs(run_page: RunPage, two_visitors: Site) -> None:
    """Visitors, sessions and page views: one pipe, with the filters of the page among its parameters."""
    page = run_page("pages/visitors.py", website=two_visitors.slug, tz="UTC", country="FR")
    asked = [code.value for code in page.code if code.value.startswith("website_id")]
    assert len(asked) == 3
    assert all("country_code=FR" in text for text in asked)
    captions = [caption.value for caption in page.caption if "Tinybird pipe" in caption.value]
    assert len(captions) == 3
    assert all("`visitor_breakdown`" in caption for caption in captions)


def test_copied_link_has_the_dates_themselves(run_page: RunPage, three_conversations: Site) -> None:
    """Opened next week it shows the same days; the rest of the state is kept."""
    page = run_page("app.py", website=three_conversations.slug, tz="Asia/Kolkata", metric="ai")
    (link,) = [code.value for code in page.code if "?" in code.value]
    assert f"website={three_conversations.slug}" in link
    assert "metric=ai" in link
    assert "tz=Asia/Kolkata" in link
    (dates,) = [part for part in link.split("?")[1].split("&") if part.startswith("range=")]
    first, last = dates.removeprefix("range=").split("..")
    assert datetime.fromisoformat(last) - datetime.fromisoformat(first) == timedelta(days=6)
