"""Health: a source is judged by its last probe and the median, a website by its own quiet times."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.errors import NotYetAnswered, Source, SourceRejected, SourceUnavailable
from analytics.health import source_health
from analytics.health.cache_counts import CacheCounts
from analytics.health.probe_log import KEPT_PROBES, Probe, ProbeLog
from analytics.health.source_health import FlowState, SourceState

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
DOWN = SourceUnavailable("Down.", source="tinybird", resource="data_freshness")
LATE = NotYetAnswered("Not yet.", source="tinybird", resource="data_freshness")
REFUSED = SourceRejected("No.", source="tinybird", resource="data_freshness", status=403)


def probe(
    second: int, seconds: float | None, source: Source = "tinybird", **error: SourceUnavailable
) -> Probe:
    """A probe of that moment."""
    return Probe(source, AT + timedelta(seconds=second), seconds, error.get("error"))


@pytest.mark.parametrize(
    ("probes", "state", "median"),
    [
        pytest.param([probe(0, 0.04)], "ok", 0.04, id="one"),
        pytest.param([probe(0, 5.0), probe(1, 0.04), probe(2, 0.06)], "ok", 0.06, id="one slow of three"),
        pytest.param([probe(second, 1.2 + second) for second in range(3)], "slow", 2.2, id="slow"),
        pytest.param([probe(second, 1.0) for second in range(3)], "ok", 1.0, id="just not slow"),
        pytest.param([probe(second, 4.0) for second in range(2)], "ok", 4.0, id="too few to call slow"),
        pytest.param(
            [probe(second, 0.51, "postgres") for second in range(3)],
            "slow",
            0.51,
            id="postgres has less time",
        ),
        pytest.param([probe(0, 0.04), probe(1, None, error=DOWN)], "unreachable", 0.04, id="went away"),
        pytest.param([probe(0, None, error=DOWN)], "unreachable", None, id="never there"),
        pytest.param([probe(0, 0.04), probe(1, None, error=LATE)], "slow", 0.04, id="not yet"),
        pytest.param([probe(0, None, error=DOWN), probe(1, 0.04)], "ok", 0.04, id="came back"),
    ],
)
def test_the_last_probe_and_the_median_say_how_a_source_is(
    probes: list[Probe], state: SourceState, median: float | None
) -> None:
    """Whether it answers is the last probe's, how fast is the median's; failures have no time."""
    seen = source_health.source_health(probes)
    assert (seen.state, seen.checked_at) == (state, probes[-1].at)
    assert seen.median_seconds == (None if median is None else pytest.approx(median))
    assert seen.probes == sum(each.seconds is not None for each in probes)
    assert seen.error is probes[-1].error


def test_a_refusal_is_not_an_outage() -> None:
    """It is reachable and says no: a token, not a cable."""
    assert source_health.source_health([Probe("tinybird", AT, None, REFUSED)]).state == "refused"


def test_a_probe_that_a_cache_repeats_counts_once() -> None:
    """Two viewers within half a minute are one probe; sources are apart; the oldest go."""
    log = ProbeLog()
    assert log.note(probe(0, 0.1)) == log.note(probe(0, 0.1)) == (probe(0, 0.1),)
    assert log.note(probe(0, 0.2, "postgres")) == (probe(0, 0.2, "postgres"),)
    for second in range(1, KEPT_PROBES + 5):
        kept = log.note(probe(second, 0.1))
    assert len(kept) == KEPT_PROBES
    assert kept[-1] == probe(KEPT_PROBES + 4, 0.1)


def test_an_outage_is_one_failure_however_many_look() -> None:
    """It drops no answer times; the newest error counts, and the next failure is one of its own."""
    log = ProbeLog()
    log.note(probe(0, 0.1))
    for second in range(1, KEPT_PROBES + 5):
        log.note(probe(second, None, error=DOWN))
    assert log.kept("tinybird") == (probe(0, 0.1), probe(KEPT_PROBES + 4, None, error=DOWN))
    log.note(probe(500, 0.2))
    assert [each.seconds for each in log.note(probe(501, None, error=DOWN))] == [0.1, None, 0.2, None]
    assert log.kept("postgres") == ()


@pytest.mark.parametrize(
    ("age", "quiet", "events", "state"),
    [
        pytest.param(None, None, 0, "none", id="never"),
        pytest.param(86_400, 3_600, 19, "unknown", id="too few"),
        pytest.param(86_400, None, 500, "unknown", id="quiet times not known"),
        pytest.param(5_400, 3_600, 20, "usual", id="exactly one and a half times"),
        pytest.param(5_401, 3_600, 20, "unusual", id="a second more"),
        pytest.param(40_000, 36_000, 5_000, "usual", id="a night"),
        pytest.param(900, 1, 100_000, "usual", id="busy, a quarter of an hour"),
        pytest.param(901, 1, 100_000, "unusual", id="busy, longer"),
    ],
)
def test_an_age_is_judged_by_the_websites_own_quiet_times(
    age: float | None, quiet: float | None, events: int, state: FlowState
) -> None:
    """A quiet website is not a broken one."""
    assert source_health.flow_state(age, quiet, events) == state


def freshness() -> pd.DataFrame:
    """Two types of one data source: one busy, one never seen."""
    return pd.DataFrame(
        {
            "datasource": ["visitor_events"] * 2,
            "event_type": ["page_view", "seen"],
            "newest_event": pd.Series([pd.NaT, AT - timedelta(hours=2)], dtype="datetime64[us, UTC]"),
            "events": [0, 100],
            "ahead": [3, 0],
        }
    )


def test_flow_joins_ages_with_days() -> None:
    """Days in order, the longest quiet time and the verdict, whatever order the volume comes in by type."""
    volume = pd.DataFrame(
        {
            "datasource": ["visitor_events"] * 4,
            "event_type": ["seen", "seen", "page_view", "page_view"],
            "day": ["2026-11-09", "2026-11-10"] * 2,
            "events": [60, 40, 0, 0],
            "longest_quiet_seconds": [3_600.0, 3_600.0, None, None],
        }
    )
    flow = source_health.event_flow(freshness(), volume, AT)
    assert flow["events_per_day"].tolist() == [[0, 0], [60, 40]]
    assert flow["age_seconds"].fillna(-1).tolist() == [-1, 7_200]
    assert flow["state"].tolist() == ["none", "unusual"]
    assert flow["ahead"].tolist() == [3, 0]


def test_flow_without_volume_has_no_verdict() -> None:
    """What could not be read is never taken for quiet."""
    flow = source_health.event_flow(freshness(), None, AT)
    assert flow["events_per_day"].tolist() == [[], []]
    assert flow["state"].tolist() == ["none", "unknown"]
    assert flow["longest_quiet_seconds"].isna().all()


def test_queries_are_ordered_and_shared_out() -> None:
    """Most first, shares of what was spent; a day without queries has no rows and no share of nothing."""
    use = source_health.query_use({"a": 1, "b": 3}, 1000, 15.0)
    assert (use.spent, use.daily_limit) == (4, 1000)
    assert use.by_pipe.to_dict("list") == {"pipe": ["b", "a"], "queries": [3, 1], "share_ratio": [0.75, 0.25]}
    assert source_health.query_use({}, None, 15.0).by_pipe.empty


def test_savings_are_what_was_answered_without_asking() -> None:
    """Reads and failures asked the source; the rest was saved."""
    savings = source_health.cache_savings({"live": CacheCounts(4, 4, 0), "kpis": CacheCounts(10, 1, 1)})
    assert savings.to_dict("list") == {
        "name": ["kpis", "live"],
        "asked": [10, 4],
        "read": [1, 4],
        "failed": [1, 0],
        "saved_ratio": [0.8, 0.0],
    }
    assert source_health.cache_savings({}).empty
