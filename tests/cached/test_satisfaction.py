"""What Satisfaction asks for: one read for cards and charts, whole keys, checked access, the last good values."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics import cached
from analytics.cached import OpenedView, View, Viewer
from analytics.cached import view as cached_view
from analytics.errors import AccessDenied, SourceUnavailable
from analytics.kpis.satisfaction.rating_counts import COUNTS
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from tests.cached.conftest import Reads
from tests.product_database import Product


def test_the_chart_adds_up_to_the_index(product: Product, view: View) -> None:
    """Ratings and sentiments all over both weeks, at the edges, too: their sums are the n of the components."""
    period = cached.open_view(view).resolved.period
    for number, at in enumerate((period.start, period.end - timedelta(seconds=1), period.start)):
        product.add_feedback(at, number + 1)
        product.add_conversation(at, "positive")
    for at in (period.start - timedelta(microseconds=1), period.end):
        product.add_feedback(at, 5)
        product.add_conversation(at, "negative")
    for hours in range(0, 7 * 24, 5):
        product.add_feedback(period.start + timedelta(hours=hours), 1 + hours % 5)
        product.add_conversation(period.start + timedelta(hours=hours), "neutral")
    frame = cached.satisfaction_distributions(cached.open_view(view)).value
    index = cached.satisfaction_attribution(cached.open_view(view)).value
    n = {part.component.name: part.component.n for part in index.parts}
    assert int(frame[list(COUNTS[:5])].to_numpy().sum()) == n["rating"]
    assert int(frame[list(COUNTS[5:])].to_numpy().sum()) == n["sentiment"]
    assert n["rating"] == n["sentiment"] > 25
    assert len(frame) == 7


def test_cards_parts_and_charts_share_one_read(reads: Reads, view: View) -> None:
    """So they cannot disagree, and cost nothing more."""
    cached.kpis(cached.open_view(view))
    cached.kpi_timeseries(cached.open_view(view))
    cached.satisfaction_attribution(cached.open_view(view))
    cached.satisfaction_distributions(cached.open_view(view))
    assert reads["rating_and_sentiment"] == 1


@pytest.mark.parametrize("change", ["website", "range", "now", "rating", "limit"])
def test_another_question_is_another_read_of_the_comments(
    reads: Reads, product: Product, view: View, change: str
) -> None:
    """Change one thing and Postgres is asked again; the same again is not."""
    other = product.add_website(f"other-{product.key}")
    asked = {
        "website": (replace(view, website_id=other), None, 20),
        "range": (replace(view, range=Range(days=10)), None, 20),
        "now": (replace(view, now=view.now + timedelta(minutes=5)), None, 20),
        "rating": (view, 5, 20),
        "limit": (view, None, 40),
    }[change]
    for _ in range(2):
        cached.latest_comments(cached.open_view(view), None, 20)
        cached.latest_comments(cached.open_view(asked[0]), *asked[1:])
    assert reads["latest_comments"] == 2


def test_another_organizations_answers_cannot_be_read(view: View) -> None:
    """Access is checked before anything is read, by each function."""
    asked = replace(view, viewer=Viewer("stranger", "X", False, Identity("x@example.com", None)))
    stranger = OpenedView(asked, cached.open_view(view).resolved, cached_view._KEY)
    for ask in (
        cached.satisfaction_attribution,
        cached.satisfaction_distributions,
        cached.rated_share,
        lambda opened: cached.latest_comments(opened, None, 20),
    ):
        with pytest.raises(AccessDenied):
            ask(stranger)


def test_a_tier_limits_what_can_be_read(product: Product, view: View) -> None:
    """On paid 90 days: an older comment is out of reach, whatever the URL asks for."""
    product.add_feedback(view.now - timedelta(days=91), 5, comment="too old")
    product.add_feedback(view.now - timedelta(days=88), 5, comment="within reach")
    asked = replace(view, range=Range(days=400))
    assert cached.latest_comments(cached.open_view(asked), None, 20).value["comment"].tolist() == [
        "within reach"
    ]
    frame = cached.satisfaction_distributions(cached.open_view(asked)).value
    assert int(frame["rating_5_count"].sum()) == 1


def test_the_last_good_answer_stands_in_marked_stale(reads: Reads, product: Product, view: View) -> None:
    """Five minutes later Postgres is down: the same answer, said to be old; a question never answered fails."""
    product.add_feedback(view.now - timedelta(days=1), 4, comment="kept")
    cached.latest_comments(cached.open_view(view), None, 20)
    cached.satisfaction_distributions(cached.open_view(view))
    cached.rated_share(cached.open_view(view))
    reads.is_down = True
    later = replace(view, now=view.now + timedelta(minutes=5))
    comments = cached.latest_comments(cached.open_view(later), None, 20)
    assert (comments.is_stale, comments.value["comment"].tolist()) == (True, ["kept"])
    assert cached.satisfaction_distributions(cached.open_view(later)).is_stale
    assert cached.rated_share(cached.open_view(later)).is_stale
    with pytest.raises(SourceUnavailable):
        cached.latest_comments(cached.open_view(later), 5, 20)
