"""What the page tests share: a website of their own with hand-counted data on the local stack, and the pages run headless.

Pages run in `AppTest` against the real server and the real Postgres; only what is down in a test is really down.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from analytics.scope import periods
from tests.conftest import ROOT, LocalStack

SendEvents = Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]
RunPage = Callable[..., AppTest]
PAGE_SECONDS = 30


def pytest_runtest_setup() -> None:
    """No page test begins in the last seconds of a step of the grid: its page would be drawn twice."""
    now = datetime.now(UTC)
    if (left := periods.ceil_to_grid(now) - now) < timedelta(seconds=5):
        time.sleep(left.total_seconds())


@dataclass(frozen=True, slots=True)
class Site:
    """A website in Postgres that no other test knows."""

    id: str
    slug: str
    organization_id: str


@pytest.fixture(autouse=True)
def browser_timezone(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """The browser says UTC; called with another answer, it says that."""

    def says(answer: str | None) -> None:
        monkeypatch.setattr(ContextProxy, "timezone", property(lambda _: answer))

    says("UTC")
    return says


@pytest.fixture
def staff(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The demo viewer, as platform staff; the pages run as them."""
    user_id, email = f"user-{uuid4().hex}", f"{uuid4().hex}@example.com"
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO", "1")
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO_EMAIL", email)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute(
            'INSERT INTO "user" (id, name, email, email_verified, role, created_at) VALUES (%s, %s, %s, true, %s, now())',
            (user_id, "Robin <b>Reader</b>", email, "admin"),
        )
        yield user_id
        connection.execute('DELETE FROM "user" WHERE id = %s', (user_id,))


@pytest.fixture
def make_site(staff: str, stack_environment: LocalStack) -> Iterator[Callable[..., Site]]:
    """Makes websites; each belongs to an organization of its own, on the free plan by default."""
    organizations: list[str] = []
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:

        def make(*, name: str = "Acme", plan: str | None = None) -> Site:
            key = uuid4().hex
            site = Site(f"site-{key}", f"acme-{key}", f"org-{key}")
            organizations.append(site.organization_id)
            connection.execute(
                "INSERT INTO organization (id, name, slug, created_at) VALUES (%s, 'Acme', %s, now())",
                (site.organization_id, f"org-{key}"),
            )
            connection.execute(
                "INSERT INTO website (id, name, slug, domain, organization_id, created_at)"
                " VALUES (%s, %s, %s, 'acme.example', %s, now())",
                (site.id, name, site.slug, site.organization_id),
            )
            if plan is not None:
                connection.execute(
                    "INSERT INTO subscription (id, organization_id, plan, status, created_at)"
                    " VALUES (%s, %s, %s, 'active', now())",
                    (f"sub-{key}", site.organization_id, plan),
                )
            return site

        yield make
        for organization in organizations:
            connection.execute("DELETE FROM organization WHERE id = %s", (organization,))


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """One website of a free organization."""
    return make_site()


@pytest.fixture
def three_conversations(site: Site, send_events: SendEvents) -> Site:
    """Yesterday at noon: three conversations answered after 10, 20 and 60 s, two of them resolved, one by the AI."""
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

    def event(conversation: str, event_type: str, after_seconds: float) -> dict[str, Any]:
        return {
            "timestamp": (noon + timedelta(seconds=after_seconds)).isoformat(),
            "website_id": site.id,
            "visitor_id": f"visitor-{conversation}",
            "event_type": event_type,
            "conversation_id": f"{site.id}-{conversation}",
            "duration_seconds": after_seconds,
        }

    rows = [event(name, "conversation_started", 0) for name in "abc"]
    rows += [event(name, "first_response", after) for name, after in zip("abc", (10, 20, 60), strict=True)]
    rows += [event("a", "conversation_resolved", 600), event("a", "ai_resolved", 600)]
    rows += [event("b", "conversation_resolved", 1200)]
    assert send_events("conversation_metrics", rows) == {"successful_rows": 9, "quarantined_rows": 0}
    return site


@pytest.fixture
def two_visitors(site: Site, send_events: SendEvents) -> Site:
    """Two visitors seen just now: one in Paris on /pricing, one at a city whose name is a script."""
    now = datetime.now(UTC)
    rows = [
        {
            "timestamp": (now - timedelta(seconds=20 + index)).isoformat(),
            "website_id": site.id,
            "visitor_id": f"{site.id}-{index}",
            "session_id": "session",
            "event_type": "seen",
            "country_code": "FR",
            "city": city,
            "latitude": 48.85 + index,
            "longitude": 2.35,
            "device_type": "desktop",
            "browser": "Firefox",
            "page_url": page,
        }
        for index, (city, page) in enumerate(
            [("Paris", "https://acme.example/pricing"), ("<script>alert(1)</script>", "javascript:alert(1)")]
        )
    ]
    assert send_events("visitor_events", rows) == {"successful_rows": 2, "quarantined_rows": 0}
    return site


@pytest.fixture
def run_page() -> RunPage:
    """Runs `app.py`, or a page alone as a freshly started server does for a link straight to it; with a query string."""

    def run(path: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PAGE_SECONDS)
        if path != "app.py":
            page.switch_page(path)
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return run


def source_of(page: AppTest) -> str:
    """The Markdown of everything that the page says, in one string."""
    kinds = ("title", "markdown", "caption", "info", "error", "warning")
    elements = [element for kind in kinds for element in page.get(kind)]
    return "\n".join(
        f"{getattr(element.proto, 'title', '')}\n{getattr(element, 'value', '')}" for element in elements
    )


def text_of(page: AppTest) -> str:
    """What the page says as a viewer reads it: escapes taken away, every space the same."""
    return source_of(page).replace("\\", "").replace("\u2060", "").replace("\u00a0", " ")


def open_explanations(page: AppTest) -> AppTest:
    """Opens the explanation of every number of a page."""
    for popover in page.get("popover"):
        if key := re.search(r"explain-.*", popover.proto.popover.id):
            page.session_state[key.group()] = True
    return page.run()


def explanations(page: AppTest) -> list[dict[str, str]]:
    """What each Explain of the page says beside its text: name and value of each row."""
    tables = (each.proto.body for each in page.get("html") if 'class="facts"' in each.proto.body)
    row = re.compile(r'<th scope="row">(.*?)</th><td>(.*?)</td>')
    return [{unescape(name): unescape(text) for name, text in row.findall(table)} for table in tables]


def offered(page: AppTest) -> set[str]:
    """The files that the page offers, by name."""
    found = [element.proto for element in page.get("bidi_component")]
    return {str(proto.id).partition("-csv-")[2] for proto in found if proto.component_name == "export"}


def query_of(page: AppTest) -> dict[str, str]:
    """The page's URL parameters after its last run."""
    return {
        name: values if isinstance(values, str) else values[-1] for name, values in page.query_params.items()
    }
