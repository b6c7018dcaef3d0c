"""All websites: filters, any column, and the worst real change first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics.kpis.all_websites.order import SORTS, Order, WebsiteFilter, selected
from analytics.kpis.all_websites.rows import WebsiteRow, board
from analytics.kpis.declarations import KPIS
from analytics.kpis.goals.definitions import Goal
from analytics.kpis.goals.results import GoalPart, GoalResult
from analytics.kpis.metrics import Kpi
from analytics.kpis.verdicts import Delta, Estimate
from analytics.scope.tiers import Tier
from tests.kpis.all_websites.test_rows import DOWN, NOW, names, reads, row, website


def test_the_worst_real_change_comes_first() -> None:
    """A factor of three, of two and of 1.2; what may be chance or is better does not count, however large it is."""
    rows = (
        row("a chance", median_response=("within_noise", 10, 1000)),
        row("b better", median_response=("better", 1000, 10)),
        row("c small", median_response=("worse", 100, 120), ai_handled=("better", 0.1, 0.9)),
        row("d halved", ai_handled=("worse", 0.8, 0.4)),
        row("e tripled", median_response=("worse", 100, 300), ai_handled=("worse", 0.5, 0.4)),
        row("f none"),
    )
    first = ["e tripled", "d halved", "c small", "a chance", "b better", "f none"]
    assert names(selected(rows, WebsiteFilter(), Order())) == first
    worst = [each.worst and each.worst.metric.key for each in selected(rows, WebsiteFilter(), Order())]
    assert worst == ["median_response", "ai_handled", "median_response", None, None, None]
    reverse = ["c small", "d halved", "e tripled", "a chance", "b better", "f none"]
    assert names(selected(rows, WebsiteFilter(), Order("worst", is_reversed=True))) == reverse


def test_few_conversations_do_not_come_before_a_sure_change() -> None:
    """Five times as slow, at least by a tenth, comes after twice as slow, at least by half."""
    few, many = (
        row(name, median_response=("worse", 100, now)) for name, now in (("a few", 500), ("b many", 200))
    )
    few, many = (
        replace(each, kpis={"median_response": replace(kpi, delta=replace(kpi.delta, low=low, high=high))})
        for each, low, high in ((few, 0.1, 20.0), (many, 0.5, 1.7))
        for kpi in each.kpis.values()
    )
    assert names(selected((few, many), WebsiteFilter(), Order())) == ["b many", "a few"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("website", ["a", "b", "c"]),
        ("organization", ["c", "a", "b"]),
        ("plan", ["b", "a", "c"]),
        ("newest_event", ["b", "a", "c"]),
        ("median_response", ["b", "a", "c"]),
        ("median_response_change", ["a", "b", "c"]),
        ("ai_handled", ["a", "b", "c"]),
        ("ai_handled_change", ["b", "a", "c"]),
        ("unique_visitors", ["b", "a", "c"]),
        ("median_response_n", ["b", "a", "c"]),
    ],
)
def test_rows_are_sorted_by_any_column(column: str, expected: list[str]) -> None:
    """Worst values and changes first, most visitors and n first; without a value last, also in the other direction."""
    a = row(
        "a",
        median_response=("worse", 100, 200),
        ai_handled=("better", 0.2, 0.4),
    )
    b = row(
        "b",
        median_response=("better", 500, 300),
        ai_handled=("worse", 0.9, 0.5),
    )
    few, many = (
        replace(
            row("v", unique_visitors=("better", 1, n)).kpis["unique_visitors"], current=Estimate(n, n, None)
        )
        for n in (5, 9)
    )
    more = replace(b.kpis["median_response"], current=Estimate(300.0, 21, None))
    rows = (
        replace(
            a,
            newest_event=NOW,
            website=website("a", organization="o2"),
            kpis={**a.kpis, "unique_visitors": few},
        ),
        replace(
            b,
            newest_event=NOW - timedelta(hours=1),
            website=website("b", "free", organization="o3"),
            kpis={**b.kpis, "median_response": more, "unique_visitors": many},
        ),
        WebsiteRow(website("c", organization="o1"), {}, {}, {}, None),
    )
    assert names(selected(rows, WebsiteFilter(), Order(column))) == expected
    has_value = column not in {"website", "organization", "plan"}
    reverse = [*expected[-2::-1], "c"] if has_value else expected[::-1]
    if column == "plan":
        reverse = ["a", "c", "b"]  # equal ones stay in order
    assert names(selected(rows, WebsiteFilter(), Order(column, is_reversed=True))) == reverse


def test_goals_are_sorted_by_how_far_they_were_missed() -> None:
    """9 of 10 of 95 %, 5 of 10 of 90 %, 10 of 10 of 50 %; one that judged nothing, and one without a goal, last."""
    counted = {"a": (95.0, 9, 1), "b": (90.0, 5, 5), "c": (50.0, 10, 0), "d": (90.0, 0, 0)}
    rows = tuple(
        replace(
            row(name),
            goals={"response": GoalResult("response", (GoalPart(Goal(share, 300), NOW, met, missed, 0),))},
        )
        for name, (share, met, missed) in counted.items()
    )
    rows = (*rows, row("e"))
    assert names(selected(rows, WebsiteFilter(), Order("response_goal"))) == ["b", "a", "c", "d", "e"]
    reverse = Order("response_goal", is_reversed=True)
    assert names(selected(rows, WebsiteFilter(), reverse)) == ["c", "a", "b", "d", "e"]
    assert names(selected(rows, WebsiteFilter(), Order("resolution_goal"))) == ["a", "b", "c", "d", "e"]


def test_every_column_sorts() -> None:
    """No column of `SORTS` fails, on full rows and on rows without numbers."""
    found = board([reads(website("a")), replace(reads(website("f", "free")), periods=DOWN)])
    for column in SORTS:
        assert len(selected(found.rows, WebsiteFilter(), Order(column))) == 2


def test_a_value_that_is_missing_comes_last() -> None:
    """A KPI without a value or a change sorts after those that have one, by value, change and n."""
    nothing = Kpi(KPIS["median_response"], Estimate(None, 0, None), None, Delta(None, "relative", "off"))
    rows = (WebsiteRow(website("a"), {"median_response": nothing}, {}, {}, None), _with_response("b"))
    for column in ("median_response", "median_response_change", "median_response_n"):
        assert names(selected(rows, WebsiteFilter(), Order(column))) == ["b", "a"]


def _with_response(name: str) -> WebsiteRow:
    return row(name, median_response=("worse", 1, 2))


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (WebsiteFilter(), ["Alpha", "beta", "Gamma"]),
        (WebsiteFilter(name="ALPH"), ["Alpha"]),
        (WebsiteFilter(name="beta.example"), ["beta"]),
        (WebsiteFilter(organization_id="o2"), ["beta", "Gamma"]),
        (WebsiteFilter(plan="free"), ["Gamma"]),
        (WebsiteFilter("beta", "o2", "free"), []),
    ],
)
def test_filters_combine(only: WebsiteFilter, expected: list[str]) -> None:
    """Name or domain in any case, organization, plan."""
    rows = tuple(
        WebsiteRow(website(name, tier, organization, f"{name}.example"), {}, {}, {}, None)
        for name, tier, organization in _SITES
    )
    assert names(selected(rows, only, Order("website"))) == expected


_SITES: tuple[tuple[str, Tier, str], ...] = (
    ("Alpha", "paid", "o1"),
    ("beta", "paid", "o2"),
    ("Gamma", "free", "o2"),
)


@pytest.mark.parametrize("text", ["", "-", "escalated", "median_response_trend", "--worst", "Worst"])
def test_an_unknown_order_is_refused(text: str) -> None:
    """With the possible ones in the message."""
    with pytest.raises(ValueError, match="worst"):
        Order.parse(text)


def test_an_order_survives_the_url() -> None:
    """Both directions of every column."""
    orders = [Order(column, is_reversed) for column in SORTS for is_reversed in (False, True)]
    assert [Order.parse(str(order)) for order in orders] == orders
