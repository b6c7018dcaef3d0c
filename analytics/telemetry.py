"""Counts and times of this process, and their text for Prometheus. Knows no page and no source.

Every metric is declared here, with its labels. A label's values come from a closed set in the code (page, pipe, outcome),
never from a website, a person, an address or other text of a visitor, so the number of series is bounded.

No client library writes the text, because the emitter loads the transports and a service that only emits events should
not need one.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, Literal, ParamSpec, Protocol, TypeVar

from analytics.errors import Conflict, Source, SourceError, SourceRejected, SourceUnavailable

P = ParamSpec("P")
Client = TypeVar("Client")
Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]

BUCKETS_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of every histogram."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The declaration of one metric.

    Attributes:
        name: Name in Prometheus.
        kind: counter (only grows) | gauge | histogram (of seconds).
        labels: Names of its labels, in the order of their values.
        help: One line for Prometheus' HELP.
    """

    name: str
    kind: Kind
    labels: Labels
    help: str


PAGE_SECONDS: Final = Metric(
    "inbox_analytics_page_seconds",
    "histogram",
    ("page", "outcome"),
    "Page runs: seconds until sign-in, access and header were done. outcome: begun, stopped.",
)
PANEL_SECONDS: Final = Metric(
    "inbox_analytics_panel_seconds",
    "histogram",
    ("page", "outcome"),
    "Panels: seconds from the start of the run, or of its own refresh, until drawn. outcome: drawn, failed, stopped.",
)
SOURCE_SECONDS: Final = Metric(
    "inbox_analytics_source_seconds",
    "histogram",
    ("source", "name", "outcome"),
    "Reads of a pipe or query, reads and writes of the store, retries included. "
    "outcome: ok, unavailable, rejected, mismatch, error.",
)
SOURCE_ROWS: Final = Metric(
    "inbox_analytics_source_rows_total", "counter", ("source", "name"), "Rows that reads returned."
)
CACHE_ASKS: Final = Metric(
    "inbox_analytics_cache_asks_total",
    "counter",
    ("name", "outcome"),
    "Reads by pages. outcome: hit (from a cache), read (from the source), failed (the source failed).",
)
STALE_ANSWERS: Final = Metric(
    "inbox_analytics_stale_answers_total",
    "counter",
    ("name",),
    "Last good values shown because the source failed.",
)
DEFECTS: Final = Metric(
    "inbox_analytics_defects_total", "counter", (), "Unexpected exceptions of pages; the log has them."
)
SESSIONS: Final = Metric("inbox_analytics_sessions", "gauge", (), "Browser tabs connected now.")
QUERIES_SPENT: Final = Metric(
    "inbox_analytics_queries_spent",
    "gauge",
    (),
    "Tinybird queries of this process since midnight UTC, retries included.",
)
QUERIES_LEFT: Final = Metric(
    "inbox_analytics_queries_left",
    "gauge",
    (),
    "Tinybird queries of the day's budget left to this process; absent when unlimited.",
)
SPOOL_EVENTS: Final = Metric(
    "inbox_analytics_spool_events",
    "gauge",
    ("state",),
    "Events in the spool of this machine. state: waiting, refused. Absent without a spool that can be read.",
)
SPOOL_OLDEST: Final = Metric(
    "inbox_analytics_spool_oldest_seconds", "gauge", (), "Age of the oldest waiting event; 0 when none waits."
)

METRICS: Final = tuple(each for each in globals().values() if isinstance(each, Metric))
"""Every metric, in the order of the text."""


class Numbers:
    """Values of counters and gauges, and observations of histograms. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Metric, dict[Labels, float]] = {}
        self._times: dict[Metric, dict[Labels, list[float]]] = {}

    def add(self, metric: Metric, *labels: str, amount: float = 1.0) -> None:
        """Adds to a counter or gauge."""
        with self._lock:
            values = self._values.setdefault(metric, {})
            values[labels] = values.get(labels, 0.0) + amount

    def observe(self, metric: Metric, *labels: str, seconds: float) -> None:
        """Adds one duration to a histogram."""
        with self._lock:
            series = self._times.setdefault(metric, {})
            if labels not in series:
                series[labels] = [0.0] * (len(BUCKETS_SECONDS) + 2)
            observed = series[labels]
            observed[bisect_left(BUCKETS_SECONDS, seconds)] += 1
            observed[-1] += seconds

    def clear(self) -> None:
        """Removes all values."""
        with self._lock:
            self._values.clear()
            self._times.clear()

    def text(self, measured: Mapping[Metric, Mapping[Labels, float]]) -> str:
        r"""All metrics in Prometheus' text format 0.0.4; a metric without a value has its description only.

        Args:
            measured: Values that are read when the text is written, in addition to those counted here.

        >>> numbers = Numbers()
        >>> numbers.add(STALE_ANSWERS, "inbox_analytics")
        >>> [line for line in numbers.text({SESSIONS: {(): 2.0}}).splitlines() if not line.startswith("#")]
        ['inbox_analytics_stale_answers_total{name="inbox_analytics"} 1', 'inbox_analytics_sessions 2']
        """
        with self._lock:
            values = {metric: dict(each) for metric, each in self._values.items()}
            times = {
                metric: {labels: tuple(observed) for labels, observed in each.items()}
                for metric, each in self._times.items()
            }
        lines = list[str]()
        for metric in METRICS:
            lines += (f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}")
            known = {**values.get(metric, {}), **measured.get(metric, {})}
            lines += (_line(metric.name, metric.labels, labels, value) for labels, value in known.items())
            for labels, observed in times.get(metric, {}).items():
                lines += _histogram(metric, labels, observed)
        return "\n".join(lines) + "\n"


NUMBERS: Final = Numbers()
"""The counts of this process since it started."""


def _histogram(metric: Metric, labels: Labels, observed: Sequence[float]) -> Iterator[str]:
    names, below = (*metric.labels, "le"), 0.0
    for bound, count in zip((*map(str, BUCKETS_SECONDS), "+Inf"), observed[:-1], strict=True):
        below += count
        yield _line(f"{metric.name}_bucket", names, (*labels, bound), below)
    yield _line(f"{metric.name}_sum", metric.labels, labels, observed[-1])
    yield _line(f"{metric.name}_count", metric.labels, labels, below)


def _line(name: str, names: Labels, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{each}="{_escaped(label)}"' for each, label in zip(names, labels, strict=True))
    number = str(int(value)) if value.is_integer() else repr(value)
    return f"{name}{{{pairs}}} {number}" if pairs else f"{name} {number}"


def _escaped(label: str) -> str:
    r"""Escapes the value of a label for the text format.

    >>> print(_escaped('a"b\\c'))
    a\"b\\c
    """
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class HasRows(Protocol):
    """An answer of a source with rows."""

    @property
    def rows(self) -> Sequence[object]:
        """The rows."""


Answered = TypeVar("Answered", bound=HasRows)
Read = Callable[Concatenate[Client, str, P], Answered]


@contextmanager
def observed(source: Source, name: str) -> Iterator[None]:
    """Counts seconds and outcome of a read or write, which is the block."""
    began, outcome = time.perf_counter(), "error"
    try:
        yield
        outcome = "ok"
    except Conflict:
        outcome = "ok"  # the source did its part: another person saved first
        raise
    except SourceError as error:
        outcome = _outcome(error)
        raise
    finally:
        NUMBERS.observe(SOURCE_SECONDS, source, name, outcome, seconds=time.perf_counter() - began)


def timed(source: Source) -> Callable[[Read[Client, P, Answered]], Read[Client, P, Answered]]:
    """Decorates a client's read method: counts seconds, rows and outcome by its first argument, the name of the read."""

    def decorated(read: Read[Client, P, Answered]) -> Read[Client, P, Answered]:
        @wraps(read)
        def counted(client: Client, name: str, /, *args: P.args, **kwargs: P.kwargs) -> Answered:
            with observed(source, name):
                answer = read(client, name, *args, **kwargs)
            NUMBERS.add(SOURCE_ROWS, source, name, amount=len(answer.rows))
            return answer

        return counted

    return decorated


def _outcome(error: SourceError) -> str:
    if isinstance(error, SourceUnavailable):
        return "unavailable"
    return "rejected" if isinstance(error, SourceRejected) else "mismatch"
