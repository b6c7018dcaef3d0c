"""What is counted is written as Prometheus reads it, in a bounded number of series, and as the documents say."""

import json
import re
import threading
from pathlib import Path

import pytest

from analytics import telemetry
from analytics.errors import ConfigError, SchemaMismatch, SourceRejected, SourceUnavailable
from analytics.telemetry import BUCKETS_SECONDS, METRICS, NUMBERS, Numbers, timed

ROOT = Path(__file__).parent.parent
SERIES = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[0-9.e+-]+|NaN)')


def series(text: str) -> dict[str, float]:
    """Every series of a text; each line is a description or a series, and none comes twice."""
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    assert text.endswith("\n")
    assert all(SERIES.fullmatch(line) for line in lines)
    found = dict(line.rsplit(" ", 1) for line in lines)
    assert len(found) == len(lines)
    return {name: float(value) for name, value in found.items()}


def test_every_metric_is_described_once() -> None:
    """Also those that have no value yet, so that a dashboard's author finds them."""
    lines = Numbers().text({}).splitlines()
    assert lines == [
        line
        for metric in METRICS
        for line in (f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}")
    ]


def test_the_names_follow_the_conventions() -> None:
    """One prefix; counters end in `_total`, durations in `_seconds`; help is one line."""
    for metric in METRICS:
        assert re.fullmatch(r"inbox_analytics_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert "\n" not in metric.help
        assert "\\" not in metric.help
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_a_histogram_adds_up() -> None:
    """Buckets hold what is at most their bound, each with all below it; the last one is the count."""
    numbers = Numbers()
    for seconds in (0.0, 0.01, 0.011, 1.0, 30.0, 31.0):
        numbers.observe(telemetry.PAGE_SECONDS, "Live", "begun", seconds=seconds)
    found = series(numbers.text({}))
    name, labels = "inbox_analytics_page_seconds", 'page="Live",outcome="begun"'
    counts = [found[f'{name}_bucket{{{labels},le="{bound}"}}'] for bound in (*BUCKETS_SECONDS, "+Inf")]
    assert counts == [2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 6]
    assert found[f"{name}_count{{{labels}}}"] == 6
    assert found[f"{name}_sum{{{labels}}}"] == pytest.approx(62.021)


def test_a_label_cannot_break_its_line() -> None:
    """Quotes, backslashes and line breaks are escaped."""
    numbers = Numbers()
    numbers.add(telemetry.STALE_ANSWERS, 'a"\\\nb')
    assert series(numbers.text({})) == {r'inbox_analytics_stale_answers_total{name="a\"\\\nb"}': 1}


def test_threads_lose_nothing() -> None:
    """Panels are drawn side by side."""
    numbers = Numbers()

    def count() -> None:
        for _ in range(500):
            numbers.add(telemetry.DEFECTS)
            numbers.observe(telemetry.PAGE_SECONDS, "Live", "begun", seconds=1.0)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = series(numbers.text({}))
    assert found["inbox_analytics_defects_total"] == 4000
    assert found['inbox_analytics_page_seconds_count{page="Live",outcome="begun"}'] == 4000


class _Answer:
    rows = (1, 2, 3)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (SourceUnavailable("x", source="tinybird", resource="x"), "unavailable"),
        (SourceRejected("x", source="tinybird", resource="x"), "rejected"),
        (SchemaMismatch("x", source="tinybird", resource="x"), "mismatch"),
        (ConfigError("x"), "error"),
    ],
    ids=lambda value: (
        str(getattr(value, "message", value)) if isinstance(value, str) else type(value).__name__
    ),
)
def test_a_read_is_counted_by_how_it_ended(error: Exception | None, outcome: str) -> None:
    """With its rows where there are any."""
    NUMBERS.clear()

    class Client:
        @timed("tinybird")
        def read(self, name: str, params: int) -> _Answer:
            assert (name, params) == ("kpis", 1)
            if error is not None:
                raise error
            return _Answer()

    if error is None:
        assert Client().read("kpis", 1).rows == (1, 2, 3)
    else:
        with pytest.raises(type(error)):
            Client().read("kpis", 1)
    found = series(NUMBERS.text({}))
    labels = f'source="tinybird",name="kpis",outcome="{outcome}"'
    assert found[f"inbox_analytics_source_seconds_count{{{labels}}}"] == 1
    rows = found.get('inbox_analytics_source_rows_total{source="tinybird",name="kpis"}')
    assert rows == (3 if error is None else None)


def _documented() -> list[list[str]]:
    section = (ROOT / "docs" / "operations.md").read_text().split("\n## Metrics\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `inbox_analytics_")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_documents_list_every_metric() -> None:
    """Name, kind, labels and meaning, in the order of the text."""
    expected = [
        [f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help]
        for each in METRICS
    ]
    assert _documented() == expected


def _expressions(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["expr"]] if isinstance(value.get("expr"), str) else []
        return own + [each for child in value.values() for each in _expressions(child)]
    return [each for child in value for each in _expressions(child)] if isinstance(value, list) else []


def test_the_grafana_dashboard_asks_for_metrics_that_exist() -> None:
    """Each name and each label of its queries; and every metric is on it."""
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    known = {metric.name: metric for metric in METRICS}
    shown = set()
    expressions = _expressions(dashboard)
    assert expressions
    for expression in expressions:
        names = re.findall(r"inbox_analytics_[a-z_]+", expression)
        assert names
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            metric = known[name if name in known else base]
            assert metric.kind == "histogram" or name == metric.name
            assert metric.kind != "histogram" or name != metric.name
            shown.add(metric.name)
            labels = {*metric.labels, "le", "job", "instance"}
            groups = re.findall(r"by \(([^)]*)\)", expression)
            assert {each.strip() for group in groups for each in group.split(",")} <= labels
            assert set(re.findall(r"([a-z]+)\s*(?:=~|!~|!=|=)\s*\"", expression)) <= labels
    assert shown == set(known)


def test_the_grafana_dashboard_is_complete_in_itself() -> None:
    """Panels have ids of their own, lie side by side, and take the data source that the reader chooses."""
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert dashboard["templating"]["list"][0]["name"] == "datasource"
    taken = set[tuple[int, int]]()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
