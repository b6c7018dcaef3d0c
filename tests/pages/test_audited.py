"""Who signed in, what was refused and which files went out: a line each, once, and nothing of what they hold."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analytics import cached, errors
from analytics.scope.access import Viewer
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import View
from analytics.settings import load_settings
from pages.components.exports import download, tables
from pages.components.page import sign_in
from tests.conftest import ROOT, LocalStack
from tests.pages.conftest import RunPage, Site
from tests.pages.test_files import ARGUMENTS

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The audit lines since the last call."""

    def read() -> list[dict[str, Any]]:
        out = capsys.readouterr().out.splitlines()
        return [json.loads(line) for line in out if line.startswith('{"audit"')]

    return read


@pytest.fixture
def email(staff: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Staff who signed in ten minutes ago, as a provider's claims would say."""
    del staff
    address = load_settings().demo_email
    signed_in = Identity(address, datetime.now(UTC) - timedelta(minutes=10))
    monkeypatch.setattr(sign_in, "_identity", lambda: signed_in)
    return address


def asked_for(site: Site, name: str) -> str:
    """The request of a click on the page Overview."""
    viewer = Viewer("not looked at", "", True, Identity("", None))
    view = View(viewer, site.id, Range(days=7), "UTC", datetime.now(UTC))
    return download.request(view, tables.FILES[name], ARGUMENTS.get(name, ()), {}, "Overview")


def test_a_sign_in_is_audited_once_per_session(
    run_page: RunPage, site: Site, email: str, lines: Lines
) -> None:
    """Not at each rerun, nor on each page of the session; another session is another line."""
    lines()
    page = run_page("pages/overview.py", website=site.slug)
    page.run()
    page.switch_page("pages/live.py").run()
    sign_ins = [line for line in lines() if line["audit"] == "sign-in"]
    assert [(line["who"], line["page"], line["outcome"]) for line in sign_ins] == [
        (email, "Overview", "done")
    ]
    run_page("pages/overview.py", website=site.slug)
    assert len(lines()) == 1


def test_the_demo_writes_no_sign_in(run_page: RunPage, site: Site, lines: Lines) -> None:
    """It has none."""
    lines()
    run_page("pages/overview.py", website=site.slug)
    assert lines() == []


def test_a_refused_page_is_audited_once_per_session_and_reason(
    run_page: RunPage, site: Site, staff: str, email: str, stack_environment: LocalStack, lines: Lines
) -> None:
    """A ban is met at every rerun of a timer."""
    assert email
    page = run_page("pages/overview.py", website=site.slug)
    lines()
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET banned = true WHERE id = %s', (staff,))
    cached.clear()
    for _ in range(3):
        page.run()
    (line,) = lines()
    assert (line["audit"], line["outcome"], line["page"]) == ("refusal", "refused", "Overview")
    # Whom the claims name, which may open nothing: here those of Streamlit's own tests.
    assert (line["who"], line["website"]) == ("test@example.com", site.id)
    assert "suspended" in line["reason"]


def test_a_refused_website_is_audited(run_page: RunPage, site: Site, email: str, lines: Lines) -> None:
    """As the address named it, whether it exists or not; what it holds cannot break the line."""
    del site
    lines()
    hostile = 'other"}\n{"audit":"forged'
    page = run_page("pages/overview.py", website=hostile)
    page.query_params["website"] = hostile
    page.run()
    (line,) = [line for line in lines() if line["audit"] != "sign-in"]
    assert (line["audit"], line["who"], line["website"]) == ("refusal", email, hostile)


def test_a_refused_page_for_staff_is_audited(
    run_page: RunPage, site: Site, staff: str, email: str, stack_environment: LocalStack, lines: Lines
) -> None:
    """A member opens Data health."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
        connection.execute(
            "INSERT INTO member (id, organization_id, user_id, role, created_at) VALUES (%s, %s, %s, 'member', now())",
            (uuid4().hex, site.organization_id, staff),
        )
    lines()
    page: AppTest = run_page("pages/data_health.py", website=site.slug)
    page.run()
    (line,) = [line for line in lines() if line["audit"] != "sign-in"]
    assert (line["page"], line["who"], line["website"]) == ("Data health", email, site.id)
    assert "staff" in line["reason"]


@pytest.mark.usefixtures("with_store")
@pytest.mark.parametrize("name", tables.FILES)
def test_a_file_is_audited_after_it_was_sent(
    name: str, three_conversations: Site, staff: str, lines: Lines
) -> None:
    """By its end, with as many rows as it has."""
    del staff
    file = download.answer(asked_for(three_conversations, name))
    lines()
    sent = b"".join(file.lines)
    (line,) = lines()
    assert (line["audit"], line["outcome"], line["file"]) == ("export", "done", name)
    assert (line["website"], line["page"], line["range"]) == (three_conversations.id, "Overview", "7d")
    assert line["rows"] == sent.count(b"\r\n") - 1
    assert line["who"].endswith("@example.com")
    assert not {"three", "a,", "<script>"} & {str(value) for value in line.values()}


def test_an_interrupted_file_is_audited_with_the_rows_sent(
    three_conversations: Site, staff: str, lines: Lines
) -> None:
    """The viewer goes away after the names of the columns."""
    del staff
    file = download.answer(asked_for(three_conversations, "kpis"))
    next(file.lines)
    lines()
    file.lines.close()  # type: ignore[attr-defined]  # a generator, as the server closes it
    (line,) = lines()
    assert (line["outcome"], line["rows"]) == ("interrupted", None)


def asked_for_both(site: Site) -> str:
    """The request of a workbook with two tables."""
    both = [json.loads(asked_for(site, name)) for name in ("kpis", "funnel_steps")]
    return json.dumps({"workbook": both, "is_page": True})


@pytest.mark.parametrize(("is_whole", "outcome"), [(True, "done"), (False, "interrupted")])
def test_each_table_of_a_workbook_is_audited_with_its_rows(
    is_whole: bool, outcome: str, three_conversations: Site, staff: str, lines: Lines
) -> None:
    """As its CSV would be; an interrupted workbook may still be read in part."""
    del staff
    file = download.answer(asked_for_both(three_conversations))
    assert lines() == []
    next(file.lines)
    if is_whole:
        list(file.lines)
    else:
        file.lines.close()  # type: ignore[attr-defined]  # a generator, as the server closes it
    found = lines()
    assert {(line["audit"], line["outcome"], line["page"]) for line in found} == {
        ("export", outcome, "Overview")
    }
    assert {line["file"]: line["rows"] for line in found} == {"kpis": 6, "funnel_steps": 4}
    assert {line["website"] for line in found} == {three_conversations.id}


def test_each_table_of_a_refused_workbook_is_audited(
    site: Site, staff: str, stack_environment: LocalStack, lines: Lines
) -> None:
    """Nothing was made."""
    asked = asked_for_both(site)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET banned = true WHERE id = %s', (staff,))
    cached.clear()
    lines()
    with pytest.raises(errors.AccessDenied):
        download.answer(asked, Identity("ann@example.com", None))
    assert [(line["outcome"], line["file"], line["rows"], line["who"]) for line in lines()] == [
        ("refused", name, None, "ann@example.com") for name in ("kpis", "funnel_steps")
    ]


@pytest.mark.parametrize("name", tables.FILES)
def test_a_refused_file_is_audited(
    name: str, site: Site, staff: str, stack_environment: LocalStack, lines: Lines
) -> None:
    """At the click; nothing was sent."""
    asked = asked_for(site, name)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET banned = true WHERE id = %s', (staff,))
    cached.clear()
    lines()
    with pytest.raises(errors.AccessDenied):
        download.answer(asked, Identity("ann@example.com", None))
    (line,) = lines()
    assert (line["audit"], line["outcome"], line["rows"]) == ("export", "refused", None)
    assert (line["file"], line["website"], line["who"]) == (name, site.id, "ann@example.com")


def test_a_file_whose_source_is_down_is_audited(
    site: Site, staff: str, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As failed: access was not the reason."""
    del staff
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:1")
    lines()
    with pytest.raises(errors.SourceError):
        download.answer(asked_for(site, "kpi_series"))
    (line,) = lines()
    assert (line["outcome"], line["file"]) == ("failed", "kpi_series")


def test_a_file_without_a_sign_in_is_audited(
    site: Site, staff: str, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside the demo, without a cookie."""
    del staff
    monkeypatch.delenv("INBOX_ANALYTICS_DEMO")
    lines()
    with pytest.raises(errors.NotSignedIn):
        download.answer(asked_for(site, "kpis"))
    (line,) = lines()
    assert (line["outcome"], line["who"], line["file"]) == ("refused", None, "kpis")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iat": 1_000_000_000}, "You signed in too long ago."),
        ({"email_verified": False}, "The identity provider has not verified your e-mail address."),
        ({"email": "\u212aate@example.com"}, "Your e-mail address has characters that no account here has."),
    ],
    ids=["too long ago", "not verified", "other letters"],
)
def test_claims_without_access_are_audited_once(
    changed: dict[str, object], reason: str, site: Site, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the address that the provider named."""
    now = int(datetime.now(UTC).timestamp())
    claims: dict[str, object] = {"is_logged_in": True, "email": "ann@example.com", "email_verified": True}
    claims |= {"iat": now} | changed
    monkeypatch.delenv("INBOX_ANALYTICS_DEMO")
    monkeypatch.setattr(type(st.user), "to_dict", lambda _user: claims)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    page.secrets["auth"] = {"redirect_uri": "http://localhost:1/oauth2callback", "client_id": "x"}
    page.query_params["website"] = site.slug
    lines()
    for _ in range(3):
        page.run()
        assert not page.exception
    (line,) = lines()
    assert (line["audit"], line["outcome"], line["reason"]) == ("refusal", "refused", reason)
    assert line["who"] == claims["email"]
