"""The first minutes of a day on every page: nothing is counted yet, which is no failure and no "no data"."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pages.components import formatting
from tests.pages.conftest import RunPage, Site, text_of
from tests.timezones import installed, tzif


@pytest.fixture
def young_day(tmp_path: Path) -> Iterator[str]:
    """A timezone where the day began one minute ago."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = timedelta(days=1, minutes=1) - (now - midnight)
    offset = ahead if ahead < timedelta(hours=14) else ahead - timedelta(days=1)
    with installed(
        tmp_path, f"Test/Midnight_{offset.seconds}", tzif(int(offset.total_seconds()), [])
    ) as zone:
        yield zone.key


@pytest.mark.parametrize("compare", ["on", "off"])
@pytest.mark.parametrize(
    "path", ["app.py", *(f"pages/{name}.py" for name in ("conversations", "satisfaction", "visitors"))]
)
def test_a_day_that_has_just_begun(
    run_page: RunPage, three_conversations: Site, two_visitors: Site, young_day: str, path: str, compare: str
) -> None:
    """Says when the first numbers come; no error, no comparison, no other reason why there is nothing."""
    page = run_page(path, website=three_conversations.slug, range="today", tz=young_day, compare=compare)
    text = text_of(page)
    assert not page.exception
    assert not page.error
    assert "The day has just begun: its first numbers come at 00:0" in text
    assert {metric.value for metric in page.metric} <= {formatting.MISSING}
    assert not [button.label for button in page.button if "longest range" in button.label]
    for wrong in ("reaches back 30 days.", "None ", " vs ", "better", "worse"):
        assert wrong not in text


def test_the_wall_of_a_day_that_has_just_begun(
    run_page: RunPage, three_conversations: Site, two_visitors: Site, young_day: str
) -> None:
    """Who is there now is shown; today's numbers are dashes, not errors."""
    page = run_page("pages/live.py", website=two_visitors.slug, tz=young_day, wall="1")
    assert not page.exception
    assert not page.error
    markup = " ".join(str(each.proto.body) for each in page.get("html"))
    assert f"<b>{formatting.MISSING}</b><span>Median response</span>" in markup


def test_an_empty_panel_offers_a_range_that_is_longer(run_page: RunPage, site: Site, young_day: str) -> None:
    """Though today has nothing to show yet, "Last 7 days" is not offered in place of itself."""
    page = run_page("app.py", website=site.slug, tz=young_day, range="7d")
    offers = {button.label for button in page.button if str(button.key).startswith("longer-")}
    assert offers == {"Show the last 21 days"}
