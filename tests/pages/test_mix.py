"""Medians of a mix: what the card and Explain say when the AI takes over more, from events to words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from analytics.kpis.intervals import Interval
from analytics.kpis.median_mix import Split
from analytics.kpis.metrics import Kpi
from analytics.scope.tiers import Comparability
from pages.components.metrics import median_mix
from tests.kpis.test_metrics import OFF, OPEN, SHUT, TOTALS, kpi_of
from tests.pages.conftest import RunPage, SendEvents, Site, explanations, text_of

Verdict = Literal["better", "worse", "within_noise"]
SHIFT = Split(0.0, -0.98, 0.75, 0.25, is_shift_real=True)


def kpi(split: Split | None, verdict: Verdict = "better") -> Kpi:
    """A median resolution with a change, its parts and a verdict."""
    found = kpi_of("median_resolution", TOTALS, TOTALS, OPEN)
    return replace(found, split=split, delta=replace(found.delta, change=-0.98, verdict=verdict))


@pytest.mark.parametrize(
    ("split", "verdict", "line"),
    [
        pytest.param(
            SHIFT,
            "better",
            "AI and people, each alone: no change. Because more is handled by AI: −98 %",
            id="pure shift",
        ),
        pytest.param(
            Split(0.3, -0.25, 0.6, 0.5, is_shift_real=True, own_interval=Interval(0.1, 0.5)),
            "within_noise",
            "AI and people, each alone: +30 %. Because more is handled by AI: −25 %",
            id="slower, hidden by a real shift",
        ),
        pytest.param(
            Split(-0.1, 0.5, 0.2, 0.5, is_shift_real=True, own_interval=Interval(-0.3, 0.2)),
            "worse",
            "AI and people, each alone: no clear change. Because less is handled by AI: +50 %",
            id="worse by the mix, the rest may be chance",
        ),
        pytest.param(
            Split(None, None, 0.0, 1.0, is_shift_real=True),
            "worse",
            "AI 100.0 % before, 0.0 % now: no handler is in both periods",
            id="nothing in common",
        ),
        pytest.param(Split(-0.2, 0.0, 0.5, 0.5, is_shift_real=False), "better", None, id="pure speed-up"),
        pytest.param(Split(-0.5, -0.1, 0.6, 0.5, is_shift_real=True), "better", None, id="mostly themselves"),
        pytest.param(replace(SHIFT, is_shift_real=False), "within_noise", None, id="all of it may be chance"),
        pytest.param(None, "better", None, id="nothing to split"),
    ],
)
def test_the_card_says_it_where_it_matters(split: Split | None, verdict: Verdict, line: str | None) -> None:
    """Where the mix makes half of the change or hides it, and something of it is real."""
    assert median_mix.line(kpi(split, verdict)) == line


def test_explain_shows_both_parts_and_the_shares() -> None:
    """Always where there is a change, also where the card keeps silent."""
    assert median_mix.facts(kpi(SHIFT)) == [
        ("AI and people, each alone", "0 %"),
        ("More handled by AI: AI 25.0 % before, 75.0 % now", "−98 %"),
    ]
    ranged = replace(SHIFT, own_interval=Interval(-0.5, 0.9))
    assert median_mix.facts(kpi(ranged))[0] == ("AI and people, each alone", "0 %, between −50 and +90 %")
    same = Split(-0.2, 0.0, 0.5, 0.5, is_shift_real=False)
    assert median_mix.facts(kpi(same))[1] == ("As much handled by AI: AI 50.0 % before, 50.0 % now", "0 %")
    assert median_mix.facts(kpi(None)) == []


@pytest.mark.parametrize("comparability", [OFF, SHUT], ids=["not compared", "not comparable"])
def test_without_a_comparison_there_are_no_parts(comparability: Comparability) -> None:
    """Nothing of the previous period is shown."""
    now = replace(TOTALS, ai_resolved=45, median_resolution_other_mix_seconds=100.0)
    for one in (
        kpi_of("median_resolution", now, TOTALS, comparability),
        kpi_of("median_response", now, TOTALS, comparability),
    ):
        assert one.split is None


@pytest.fixture
def more_ai(make_site: Callable[..., Site], send_events: SendEvents) -> Site:
    """40 conversations a week, the AI's after 10 s and people's after 1,000 s: 10 by the AI before, 30 now."""
    site = make_site(plan="pro")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for week, by_ai in ((1, 30), (2, 10)):
        for number in range(40):
            at, seconds = today - timedelta(days=7 * week - 2, minutes=number), 10 if number < by_ai else 1000
            kinds = ["conversation_started", "first_response", "conversation_resolved"]
            rows += [
                {
                    "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
                    "website_id": site.id,
                    "visitor_id": "v",
                    "event_type": event_type,
                    "conversation_id": f"{site.id}-{week}-{number}",
                    "duration_seconds": 0 if event_type == "conversation_started" else seconds,
                }
                for event_type in (kinds if number >= by_ai else [*kinds, "ai_resolved"])
            ]
    assert send_events("conversation_metrics", rows)["quarantined_rows"] == 0
    return site


def test_a_median_that_moves_by_the_mix_alone_says_so(run_page: RunPage, more_ai: Site) -> None:
    """The median falls from 1,000 s to 10 s by the mix alone: both cards and both explanations say so."""
    page = run_page("app.py", website=more_ai.slug, tz="UTC", range="7d")
    assert not page.exception
    values = {metric.label: (metric.value, metric.delta) for metric in page.metric}
    assert values["Median resolution"] == values["Median response"] == ("10 s", "−99 %")
    said = "AI and people, each alone: no change. Because more is handled by AI: −99 %"
    assert [caption.value.replace("\\", "") for caption in page.caption].count(said) == 2
    assert str(explanations(page)).count("More handled by AI: AI 25.0 % before, 75.0 % now") == 2


def test_explain_withholds_what_few_values_cannot_say(run_page: RunPage, three_conversations: Site) -> None:
    """Three answers have no 90th percentile; one of the three conversations is still open."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC")
    response, resolution = explanations(page)[:2]
    assert response["90 % within (p90)"] == resolution["90 % within (p90)"] == "not shown below 10 values"
    assert resolution["Started in this period, open at its end"] == "1"
    assert "Started in this period, open at its end" not in response


def test_with_comparison_off_nothing_is_said_of_the_mix(run_page: RunPage, more_ai: Site) -> None:
    """Neither on the card nor in Explain."""
    page = run_page("app.py", website=more_ai.slug, tz="UTC", range="7d", compare="off")
    assert "handled by AI: " not in text_of(page)
    assert "AI and people, each alone" not in str(explanations(page))
