"""A link to a website that is new, does not exist, or is not open to the viewer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached, sources
from analytics.cached.access import LOOK_AGAIN
from analytics.readings import Answer
from analytics.scope.access import OwnedWebsite, Viewer, Website
from analytics.transports.postgres import Postgres
from tests.conftest import LocalStack
from tests.pages.conftest import RunPage, Site, offered, query_of, source_of, text_of

PAGES = [
    f"pages/{name}.py"
    for name in (
        "overview",
        "conversations",
        "ai_and_people",
        "waiting",
        "satisfaction",
        "visitors",
        "live",
        "data_health",
    )
]
"""All websites, which is about no single one, ignores the website of its URL."""
MISSING = "This website does not exist or is not open to you"


@pytest.mark.parametrize("path", PAGES)
def test_a_missing_website_has_a_page_without_numbers(
    path: str, run_page: RunPage, three_conversations: Site
) -> None:
    """No website's numbers stand under its address; the viewer's own are offered, and open at a click."""
    page = run_page(path, website="not-there", range="10d")
    assert not page.exception
    assert MISSING in text_of(page)
    drawn = ("metric", "plotly_chart", "arrow_data_frame", "deck_gl_json_chart")
    assert [element for kind in drawn for element in page.get(kind)] == []
    assert offered(page) == set()
    assert query_of(page)["website"] == "not-there"
    assert page.selectbox(key="website_widget").value is None
    if path == PAGES[0]:
        page.button(key=f"open-{three_conversations.slug}").click().run()
        assert query_of(page) == {"website": three_conversations.slug, "range": "10d"}
        assert page.metric


def test_a_new_website_is_found_past_the_cache(
    run_page: RunPage, site: Site, make_site: Callable[..., Site]
) -> None:
    """The list of websites is known, then one is made: its link opens it at once."""
    run_page("app.py", website=site.slug)
    new = make_site(name="Brand new")
    page = run_page("app.py", website=new.slug)
    assert MISSING not in text_of(page)
    assert "Brand new" in text_of(page)


@pytest.fixture
def member(staff: str, site: Site, stack_environment: LocalStack) -> str:
    """The viewer, as a member of the site's organization and no staff."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
        connection.execute(
            "INSERT INTO member (id, organization_id, user_id, role, created_at) VALUES (%s, %s, %s, 'member', now())",
            (uuid4().hex, site.organization_id, staff),
        )
    return staff


@pytest.mark.usefixtures("member")
def test_names_from_right_to_left_turn_nothing_around(
    run_page: RunPage, site: Site, stack_environment: LocalStack
) -> None:
    """The name alone is isolated: the domain stays behind it."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE website SET name = %s WHERE id = %s", ("חנות הדגמה", site.id))
    page = run_page("app.py", website="not-there")
    label = page.button(key=f"open-{site.slug}").label
    assert label.replace("\\", "") == "\u2068חנות הדגמה\u2069 · acme.example"


def test_one_out_of_reach_is_as_one_that_does_not_exist(
    run_page: RunPage, member: str, make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same page after the same reads: nothing reveals that it exists."""
    del member
    other = make_site(name="Secret shop")
    real, looked = cached.websites_anew, []

    def counted(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
        looked.append(viewer.user_id)
        return real(viewer, now)

    monkeypatch.setattr(cached, "websites_anew", counted)
    pages: list[AppTest] = []
    counts: list[int] = []
    for slug in (other.slug, other.slug[:-1] + ("0" if other.slug[-1] != "0" else "1")):
        looked.clear()
        pages.append(run_page("app.py", website=slug))
        counts.append(len(looked))
    assert MISSING in text_of(pages[0])
    assert source_of(pages[0]) == source_of(pages[1])
    assert [button.key for button in pages[0].button] == [button.key for button in pages[1].button]
    assert counts == [1, 1]


def test_guessing_reads_postgres_once(staff: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for: a viewer's websites are read past the cache once in some seconds."""
    real, reads = sources.websites_for_viewer, []

    def counted(postgres: Postgres, user_id: str, role: str) -> Answer[tuple[OwnedWebsite, ...]]:
        reads.append(user_id)
        return real(postgres, user_id, role)

    monkeypatch.setattr(sources, "websites_for_viewer", counted)
    now = datetime.now(UTC)
    viewer = cached.viewer_for(None, now)
    cached.websites(viewer, now)
    for seconds in range(5):
        found = cached.websites_anew(viewer, now + timedelta(seconds=seconds))
        assert site.slug in [website.slug for website in found]
    assert reads == [staff, staff]
    cached.websites_anew(viewer, now + LOOK_AGAIN)
    assert reads == [staff] * 3
