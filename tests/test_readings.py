"""Readings: fresh, stale or raised, bounded, and each reader has its own copy."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.errors import AccessDenied, SourceUnavailable
from analytics.health.cache_counts import CacheCounts
from analytics.readings import Answer, LastGood, Reading

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)


def down() -> Answer[int]:
    """A source that is down."""
    raise SourceUnavailable("Down.", source="tinybird", resource="inbox_analytics")


def test_a_fresh_answer_is_not_stale() -> None:
    """What was just read says when, and nothing else."""
    assert LastGood().read("k", lambda: Answer(7, AT)) == Reading(7, AT)


def test_a_failure_serves_the_last_good_value_marked_stale() -> None:
    """The old value, its own time, and why it is old."""
    kept = LastGood()
    kept.read("k", lambda: Answer(7, AT))
    reading = kept.read("k", down)
    assert (reading.value, reading.as_of, reading.is_stale) == (7, AT, True)
    assert isinstance(reading.stale_reason, SourceUnavailable)


def test_without_a_last_good_value_the_failure_is_raised() -> None:
    """Never an empty value; another key's value does not help."""
    kept = LastGood()
    kept.read("other", lambda: Answer(7, AT))
    with pytest.raises(SourceUnavailable):
        kept.read("k", down)


def test_only_source_failures_are_bridged() -> None:
    """Being denied is an answer, not an outage."""

    def denied() -> Answer[int]:
        raise AccessDenied("No.")

    kept = LastGood()
    kept.read("k", lambda: Answer(7, AT))
    with pytest.raises(AccessDenied):
        kept.read("k", denied)


@pytest.mark.parametrize(("age", "is_served"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_a_kept_answer_can_be_too_old(age: timedelta, is_served: bool) -> None:
    """What decides access is trusted for a while only."""
    kept = LastGood()
    kept.read("k", lambda: Answer(7, AT))
    if is_served:
        assert kept.read("k", down, not_before=AT + age).is_stale
    else:
        with pytest.raises(SourceUnavailable):
            kept.read("k", down, not_before=AT + age)


def test_the_one_longest_not_asked_for_goes_first() -> None:
    """Bounded memory; asking counts as use."""
    kept = LastGood(entries=2)
    kept.read("a", lambda: Answer(1, AT))
    kept.read("b", lambda: Answer(2, AT))
    assert kept.read("a", down).value == 1
    kept.read("c", lambda: Answer(3, AT))
    assert len(kept) == 2
    with pytest.raises(SourceUnavailable):
        kept.read("b", down)
    assert kept.read("a", down).value == 1


def test_a_page_that_changes_its_frame_changes_no_other_copy() -> None:
    """What is kept is a copy, and so is what is given back."""
    kept = LastGood()

    def failing() -> Answer[pd.DataFrame]:
        raise SourceUnavailable("Down.", source="tinybird", resource="kpi_timeseries")

    fresh = kept.read("k", lambda: Answer(pd.DataFrame({"n": [1]}), AT))
    fresh.value.loc[0, "n"] = 99
    first = kept.read("k", failing)
    first.value.loc[0, "n"] = 98
    assert kept.read("k", failing).value["n"].tolist() == [1]


def test_a_derived_value_is_as_stale_as_its_origin() -> None:
    """Counting a stale list gives a stale count."""
    kept = LastGood()
    kept.read("k", lambda: Answer(7, AT))
    derived = kept.read("k", down).with_value("seven")
    assert (derived.value, derived.as_of, derived.is_stale) == ("seven", AT, True)


def test_cleared_is_forgotten() -> None:
    """After clearing, a failure has nothing to fall back on."""
    kept = LastGood()
    kept.read("k", lambda: Answer(7, AT))
    kept.clear()
    with pytest.raises(SourceUnavailable):
        kept.read("k", down)


def test_asks_and_reads_are_counted_by_name() -> None:
    """A key's first part names it: two queries of one pipe count together, a failure as one."""
    kept = LastGood()
    kept.read(("kpis", "w1"), lambda: Answer(7, AT))
    kept.read(("kpis", "w1"), lambda: Answer(7, AT))
    kept.read(("kpis", "w2"), lambda: Answer(8, AT + timedelta(seconds=1)))
    kept.read(("kpis", "w1"), down)
    assert kept.counter.counts() == {"kpis": CacheCounts(asked=4, read=2, failed=1, stale=1)}
    with pytest.raises(SourceUnavailable):
        kept.read(("kpis", "never read"), down)
    assert kept.counter.counts() == {"kpis": CacheCounts(asked=5, read=2, failed=2, stale=1)}
    kept.clear()
    assert kept.counter.counts() == {}


def test_a_key_within_a_key_is_counted_by_its_name() -> None:
    """A question that is narrowed by a filter is still the same pipe's."""
    kept = LastGood()
    kept.read((("visitor_breakdown", "w1"), "FR"), lambda: Answer(1, AT))
    assert kept.counter.counts() == {"visitor_breakdown": CacheCounts(asked=1, read=1, failed=0)}
