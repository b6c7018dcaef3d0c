"""Page runs and panels are counted where they happen, by page alone, whatever a URL holds."""

import re
from collections.abc import Callable, Iterator

import pytest

from analytics import telemetry
from analytics.telemetry import NUMBERS
from pages.components.page import sidebar
from tests.pages.conftest import RunPage, Site

TITLES = {title for _path, title, _icon in sidebar.PAGES}
HOSTILE = 'zzz"} 1\nforged{x="'


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    """Each test counts for itself."""
    NUMBERS.clear()
    yield
    NUMBERS.clear()


def count(metric: telemetry.Metric, **labels: str) -> float:
    """How many observations of a histogram have these labels."""
    text = NUMBERS.text({})
    wanted = ",".join(f'{name}="{value}"' for name, value in labels.items())
    found = re.findall(rf"^{metric.name}_count\{{{re.escape(wanted)}\}} (\d+)$", text, re.MULTILINE)
    return float(found[0]) if found else 0.0


@pytest.mark.parametrize(("path", "title"), [(path, title) for path, title, _icon in sidebar.PAGES])
def test_a_run_and_its_panels_are_counted(
    path: str, title: str, run_page: RunPage, site: Site, make_site: Callable[..., Site]
) -> None:
    """One run, and at least one panel that was drawn; none failed."""
    make_site()  # All websites is for viewers of several.
    at = run_page(path, website=site.slug)
    assert not at.exception
    assert count(telemetry.PAGE_SECONDS, page=title, outcome="begun") == 1
    assert count(telemetry.PANEL_SECONDS, page=title, outcome="drawn") >= 1
    assert count(telemetry.PANEL_SECONDS, page=title, outcome="failed") == 0


def test_nothing_of_a_url_becomes_a_label(run_page: RunPage, site: Site) -> None:
    """Labels are pages, outcomes, sources and the names of pipes and queries."""
    for path, _title, _icon in sidebar.PAGES:
        run_page(path, website=site.slug, range=HOSTILE, tz=HOSTILE, country_code=HOSTILE, rating=HOSTILE)
        run_page(path, website=HOSTILE)
    text = NUMBERS.text({})
    assert "zzz" not in text
    assert site.id not in text
    assert site.slug not in text
    labels = dict[str, set[str]]()
    for name, value in re.findall(r'([a-z]+)="([^"]*)"', text):
        labels.setdefault(name, set()).add(value)
    assert labels["page"] <= TITLES
    assert labels["source"] <= {"tinybird", "postgres"}
    assert labels["outcome"] <= {"begun", "stopped", "drawn", "failed", "ok"}
    assert all(re.fullmatch(r"[a-z_]+", name) for name in labels["name"])


def test_a_failed_panel_and_a_refused_run_have_different_outcomes(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is down fails panels; a page that cannot begin is a run that stopped."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:1")
    run_page("pages/overview.py", website=site.slug)
    assert count(telemetry.PAGE_SECONDS, page="Overview", outcome="begun") == 1
    assert count(telemetry.PANEL_SECONDS, page="Overview", outcome="failed") >= 1
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO_EMAIL", "unknown@example.com")
    run_page("pages/overview.py", website=site.slug)
    assert count(telemetry.PAGE_SECONDS, page="Overview", outcome="stopped") == 1
