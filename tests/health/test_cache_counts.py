"""The counts of the caches: each ask counts once, each read once however often a cache repeats it."""

import threading
from datetime import UTC, datetime, timedelta

from analytics.health import cache_counts
from analytics.health.cache_counts import CacheCounter, CacheCounts

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)


def test_nothing_asked_is_nothing_counted() -> None:
    """Before the first ask there is no name."""
    assert CacheCounter().counts() == {}


def test_an_answer_that_is_repeated_is_one_read() -> None:
    """Two moments are two reads, also when they take turns; names are apart."""
    counted = CacheCounter()
    for second in (0, 0, 1, 0, 1):
        counted.answered("kpis", AT + timedelta(seconds=second))
    counted.answered("live", AT)
    assert counted.counts() == {"kpis": CacheCounts(5, 2, 0), "live": CacheCounts(1, 1, 0)}


def test_failures_are_asks_of_their_own() -> None:
    """A source that failed was asked, and gave nothing."""
    counted = CacheCounter()
    counted.failed("kpis")
    counted.answered("kpis", AT)
    assert counted.counts() == {"kpis": CacheCounts(asked=2, read=1, failed=1)}


def test_memory_is_bounded() -> None:
    """However long the process runs, a bounded number of reads is remembered, the newest."""
    counted = CacheCounter()
    for second in range(cache_counts.REMEMBERED_READS + 10):
        counted.answered("kpis", AT + timedelta(seconds=second))
    counted.answered("kpis", AT + timedelta(seconds=cache_counts.REMEMBERED_READS))
    assert counted.counts()["kpis"].read == cache_counts.REMEMBERED_READS + 10
    assert len(counted._reads) == cache_counts.REMEMBERED_READS


def test_threads_lose_no_count() -> None:
    """Pages ask side by side."""
    counted = CacheCounter()

    def ask() -> None:
        for second in range(200):
            counted.answered("kpis", AT + timedelta(seconds=second))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.counts() == {"kpis": CacheCounts(asked=1600, read=200, failed=0)}


def test_clearing_forgets_everything() -> None:
    """A read of before counts as new afterwards."""
    counted = CacheCounter()
    counted.answered("kpis", AT)
    counted.clear()
    counted.answered("kpis", AT)
    assert counted.counts() == {"kpis": CacheCounts(1, 1, 0)}
