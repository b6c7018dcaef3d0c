"""KPIs: values, changes and verdicts, each by hand."""

from dataclasses import replace

import pytest

from analytics.kpis.declarations import KPIS, KpiKey, PeriodFigures
from analytics.kpis.intervals import ArrivalCount, Interval
from analytics.kpis.metrics import Kpi, compared_kpi
from analytics.kpis.satisfaction.index import SatisfactionIndex, Scores, satisfaction_index
from analytics.kpis.totals import ConversationTotals
from analytics.scope.tiers import Comparability, Comparable

OPEN = Comparability(is_compared=True, comparable=Comparable(True, None, 45))
SHUT = Comparability(is_compared=True, comparable=Comparable(False, "data reaches back 21 days", 10))
OFF = Comparability(is_compared=False, comparable=Comparable(True, None, 45))

TOTALS = ConversationTotals(
    started=100,
    responded=80,
    resolved=60,
    ai_resolved=30,
    escalated=5,
    feedback=12,
    median_response_seconds=120.0,
    p90_response_seconds=900.0,
    median_resolution_seconds=3600.0,
    p90_resolution_seconds=9000.0,
    median_response_low_seconds=100.0,
    median_response_high_seconds=140.0,
    median_resolution_low_seconds=3000.0,
    median_resolution_high_seconds=4000.0,
    ai_handled_ratio=0.5,
    mean_response_seconds=200.0,
    mean_resolution_seconds=5000.0,
)
EMPTY = ConversationTotals()
SLOWER = replace(
    TOTALS,
    median_response_seconds=240.0,
    median_response_low_seconds=200.0,
    median_response_high_seconds=280.0,
)


def index(*ratings: float, sentiment: Scores | None = None) -> SatisfactionIndex:
    """An index with these rating scores and everything else alike."""
    return satisfaction_index(
        rating=Scores(len(ratings), sum(ratings), sum(rating * rating for rating in ratings)),
        sentiment=sentiment or Scores(),
        median_response_seconds=60.0,
        median_response_interval=Interval(50.0, 70.0),
        responded=50,
        resolved=900,
        started=1000,
    )


def figures(
    side: ConversationTotals | SatisfactionIndex | ArrivalCount | None,
) -> PeriodFigures:
    """What the sources know of a period of which this alone was read."""
    if isinstance(side, ConversationTotals):
        return PeriodFigures(conversations=side)
    return PeriodFigures(index=side) if isinstance(side, SatisfactionIndex) else PeriodFigures(visitors=side)


def kpi_of(
    key: KpiKey,
    current: ConversationTotals | SatisfactionIndex | ArrivalCount | None,
    previous: ConversationTotals | SatisfactionIndex | ArrivalCount | None,
    comparability: Comparability,
    limit_note: str | None = None,
) -> Kpi:
    """A KPI of one period against another; None was not read."""
    declared = KPIS[key]
    before = None if previous is None else declared.measure(figures(previous))
    return compared_kpi(
        declared, declared.measure(figures(current)), before, comparability, limit_note=limit_note
    )


def test_a_median_keeps_its_readings() -> None:
    """Value, n, p90 and the interval's ends come with the KPI."""
    kpi = kpi_of("median_response", TOTALS, SLOWER, OPEN)
    now, before = kpi.current, kpi.previous
    assert (now.value, now.n, kpi.metric.n_of, now.p90, now.interval) == (
        120.0,
        80,
        "responses",
        900.0,
        Interval(100.0, 140.0),
    )
    assert before is not None
    assert (before.value, before.n) == (240.0, 80)
    kpi = kpi_of("median_resolution", TOTALS, None, OPEN)
    now = kpi.current
    assert (now.value, now.n, now.p90, now.mean, kpi.previous) == (3600.0, 60, 9000.0, 5000.0, None)


@pytest.mark.parametrize(
    ("current", "previous", "change", "verdict"),
    [
        pytest.param(TOTALS, SLOWER, -0.5, "better", id="faster"),
        pytest.param(SLOWER, TOTALS, 1.0, "worse", id="slower"),
        pytest.param(
            TOTALS, replace(SLOWER, median_response_low_seconds=140.0), -0.5, "better", id="touching"
        ),
        pytest.param(
            TOTALS, replace(SLOWER, median_response_low_seconds=110.0), -0.5, "within_noise", id="overlapping"
        ),
        pytest.param(TOTALS, TOTALS, 0.0, "unchanged", id="unchanged"),
        pytest.param(
            TOTALS,
            replace(SLOWER, median_response_low_seconds=None, median_response_high_seconds=None),
            -0.5,
            "within_noise",
            id="too few to tell",
        ),
    ],
)
def test_a_lower_median_is_better_unless_it_may_be_chance(
    current: ConversationTotals, previous: ConversationTotals, change: float, verdict: str
) -> None:
    """The interval of the change is built from the two order-statistic intervals; touching ones are apart enough."""
    delta = kpi_of("median_response", current, previous, OPEN).delta
    assert delta.change == pytest.approx(change)
    assert delta.verdict == verdict
    assert (delta.reason is None) is (verdict in {"better", "worse", "unchanged"})


@pytest.mark.parametrize(
    ("ai_resolved", "resolved", "verdict"),
    [(300, 1000, "better"), (480, 1000, "within_noise"), (700, 1000, "worse"), (1, 4, "within_noise")],
)
def test_the_ai_rate_is_compared_in_percentage_points(ai_resolved: int, resolved: int, verdict: str) -> None:
    """0.5 against another rate, by Newcombe's interval; more is better."""
    current = replace(TOTALS, resolved=1000, ai_resolved=500, ai_handled_ratio=0.5)
    previous = replace(
        TOTALS, resolved=resolved, ai_resolved=ai_resolved, ai_handled_ratio=ai_resolved / resolved
    )
    delta = kpi_of("ai_handled", current, previous, OPEN).delta
    assert delta.unit == "pp"
    assert delta.change == pytest.approx(50 - 100 * ai_resolved / resolved)
    assert delta.verdict == verdict


@pytest.mark.parametrize(
    ("current", "previous", "change", "verdict"),
    [
        pytest.param(1000, 800, 0.25, "better", id="more"),
        pytest.param(800, 1000, -0.2, "worse", id="fewer"),
        pytest.param(102, 100, 0.02, "within_noise", id="chance"),
        pytest.param(50, 0, None, "not_comparable", id="growth from zero is no rate"),
        pytest.param(0, 50, -1.0, "worse", id="down to zero"),
        pytest.param(0, 0, None, "not_comparable", id="nothing twice"),
    ],
)
def test_visitors_are_compared_as_counts(
    current: int, previous: int, change: float | None, verdict: str
) -> None:
    """Relative change; zero is a value, not a gap."""
    kpi = kpi_of("unique_visitors", ArrivalCount(current, 168.0), ArrivalCount(previous, 168.0), OPEN)
    assert (kpi.value, kpi.current.n) == (float(current), current)
    assert kpi.delta.change == (None if change is None else pytest.approx(change))
    assert kpi.delta.verdict == verdict


def test_satisfaction_moves_in_points() -> None:
    """Many ratings of 100 against many of 0: 40 points, and no doubt."""
    kpi = kpi_of("satisfaction_index", index(*[100.0] * 500), index(*[0.0] * 500), OPEN)
    assert kpi.delta.unit == "points"
    assert kpi.delta.change == pytest.approx(40.0)
    assert kpi.delta.verdict == "better"
    assert kpi.current.n == 500


def test_few_ratings_prove_nothing() -> None:
    """Two ratings of 100 against two of 50 is within noise."""
    assert (
        kpi_of("satisfaction_index", index(100.0, 100.0), index(50.0, 50.0), OPEN).delta.verdict
        == "within_noise"
    )


def test_indexes_of_different_parts_are_not_compared() -> None:
    """A sentiment on one side alone would show the neutral 50 leaving, not a change."""
    both = index(50.0, sentiment=Scores(1, 90.0, 8100.0))
    delta = kpi_of("satisfaction_index", both, index(50.0), OPEN).delta
    assert (delta.change, delta.verdict) == (None, "not_comparable")
    assert delta.reason == "only one of the two periods has sentiment"


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (index(50.0, sentiment=Scores(1, 90.0, 8100.0)), None),
        (index(50.0), "Sentiment is missing and counts as neutral 50."),
        (index(), "Rating and sentiment are missing and count as neutral 50."),
    ],
    ids=["none missing", "one missing", "two missing"],
)
def test_missing_components_are_named_beside_the_number(value: SatisfactionIndex, note: str | None) -> None:
    """Wherever the index is shown, it says what is neutral in it."""
    assert kpi_of("satisfaction_index", value, None, OFF).note == note


def all_kpis(
    comparability: Comparability, current: ConversationTotals, previous: ConversationTotals
) -> list[Kpi]:
    """All KPIs of a period against another."""
    return [
        kpi_of("median_response", current, previous, comparability),
        kpi_of("median_resolution", current, previous, comparability),
        kpi_of("ai_handled", current, previous, comparability),
        kpi_of("satisfaction_index", index(50.0), index(50.0), comparability),
        kpi_of("unique_visitors", ArrivalCount(10, 168.0), ArrivalCount(10, 168.0), comparability),
        kpi_of("escalated", current, previous, comparability),
    ]


def test_what_the_limit_forbids_has_a_reason_and_a_way_out() -> None:
    """No change, the reason, and the longest range that can be compared, on every KPI."""
    for kpi in all_kpis(SHUT, TOTALS, TOTALS):
        assert kpi.delta.change is None
        assert kpi.delta.verdict == "not_comparable"
        assert kpi.delta.reason == "data reaches back 21 days"
        assert kpi.delta.longest_comparable_days == 10


def test_comparison_can_be_off() -> None:
    """A viewer who compares nothing sees no verdict and no reason."""
    for kpi in all_kpis(OFF, TOTALS, SLOWER):
        assert (kpi.delta.change, kpi.delta.verdict, kpi.delta.reason) == (None, "off", None)


@pytest.mark.parametrize(
    ("current", "previous", "where"),
    [
        (EMPTY, TOTALS, "in this period"),
        (TOTALS, EMPTY, "in the period before"),
        (EMPTY, EMPTY, "in this period"),
    ],
    ids=["now", "before", "both"],
)
def test_nothing_on_one_side_is_no_change(
    current: ConversationTotals, previous: ConversationTotals, where: str
) -> None:
    """A missing side gives the reason, and never a change of 100 %."""
    for kpi in all_kpis(OPEN, current, previous)[:3]:
        assert (kpi.delta.change, kpi.delta.verdict) == (None, "not_comparable")
        assert kpi.delta.reason is not None
        assert kpi.delta.reason.endswith(where)
        assert (kpi.value is None) is (kpi.missing_reason is not None) is (current is EMPTY)


def test_visitors_out_of_reach_say_why() -> None:
    """No count, n = 0, and the note becomes the reason."""
    kpi = kpi_of("unique_visitors", None, None, SHUT, limit_note="Visitor data reaches back 30 days.")
    assert (kpi.value, kpi.current.n, kpi.missing_reason, kpi.note) == (
        None,
        0,
        "Visitor data reaches back 30 days.",
        None,
    )


@pytest.mark.parametrize(
    ("now", "before", "verdict", "change"),
    [
        pytest.param((1000, 100), (1000, 300), "better", -20, id="fewer"),
        pytest.param((1000, 300), (1000, 100), "worse", 20, id="more"),
        pytest.param((20, 3), (20, 4), "within_noise", -5, id="few"),
        pytest.param((0, 0), (20, 4), "not_comparable", None, id="nothing now"),
        pytest.param((20, 4), (0, 0), "not_comparable", None, id="nothing before"),
        pytest.param((2, 5), (2, 2), "unchanged", 0, id="more escalated than started"),
    ],
)
def test_fewer_escalations_are_better_unless_it_is_noise(
    now: tuple[int, int], before: tuple[int, int], verdict: str, change: float | None
) -> None:
    """Percentage points of the started; a side with nothing is not compared."""
    current, previous = (replace(EMPTY, started=n, escalated=escalated) for n, escalated in (now, before))
    kpi = kpi_of("escalated", current, previous, OPEN)
    assert kpi.delta.verdict == verdict
    assert kpi.delta.change == (None if change is None else pytest.approx(change))
    assert kpi.value == (min(now[1] / now[0], 1) if now[0] else None)
