"""A second click may come before the browser has heard what the first one wrote; its request has the old address."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args
from urllib.parse import parse_qsl

import pytest
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.testing.v1 import AppTest

from analytics.scope.selection import HandledBy, Measure, Sort, Status
from pages.components.panels import conversation_list
from pages.components.selection import conversation_filters, url_state
from tests.pages.conftest import RunPage, Site, query_of, source_of, text_of

CONVERSATIONS = "pages/conversations.py"


def _late(page: AppTest, before: dict[str, str]) -> None:
    """The next run has the address of before, as a request that the browser sent before it heard of another."""
    page.query_params.clear()
    page.query_params.update(before)


def _opened(run_page: RunPage, site: Site) -> tuple[AppTest, dict[str, str]]:
    page = run_page(CONVERSATIONS, website=site.slug, tz="UTC")
    return page, query_of(page)


def test_what_late_requests_do_not_know_of_is_kept(run_page: RunPage, three_conversations: Site) -> None:
    """Three controls, the last two with the address of before the first: all three are in the URL and on the page."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    _late(page, before)
    page.button_group(key="measure_widget").set_value("resolution").run()
    assert query_of(page) == before | {"handled": "ai", "measure": "resolution"}
    _late(page, before | {"handled": "ai"})
    page.button_group(key="range_widget").set_value("last-week").run()
    assert query_of(page) == before | {"handled": "ai", "measure": "resolution", "range": "last-week"}
    assert "Handled by: AI agent" in [chip.label for chip in page.button if chip.key == "chip-handled"]
    assert page.button_group(key="range_widget").value == "last-week"
    assert "Resolution time by day" in text_of(page)


def test_a_late_timer_takes_nothing_away(run_page: RunPage, three_conversations: Site) -> None:
    """A run without a click, such as a panel's own refresh, has an old address as well."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    _late(page, before)
    page.run()
    assert query_of(page)["handled"] == "ai"


def test_an_address_that_was_gone_to_counts(run_page: RunPage, three_conversations: Site) -> None:
    """One that the page never had is a link's."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    _late(page, before | {"handled": "human"})
    page.run()
    assert query_of(page)["handled"] == "human"


def test_a_step_back_counts(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser says so when it goes back: to an address that the page had a moment ago."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    _late(page, before)
    monkeypatch.setattr(ScriptRunContext, "is_history_navigation", property(lambda _: True, lambda *_: None))
    page.run()
    assert query_of(page) == before
    assert not [chip for chip in page.button if chip.key == "chip-handled"]


def test_an_old_address_is_no_late_one(run_page: RunPage, three_conversations: Site) -> None:
    """After some time no request is on its way any more: the address was gone to."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    known = page.session_state["url"]
    long_ago = [(at - url_state.LATE_SECONDS, address) for at, address in known.replaced]
    page.session_state["url"] = replace(known, replaced=tuple(long_ago))
    _late(page, before)
    page.run()
    assert query_of(page) == before


def test_a_link_to_another_page_that_was_drawn_before_the_change_keeps_the_change(
    run_page: RunPage, three_conversations: Site
) -> None:
    """Range, then at once another page: its link still has the old range; a filter of the page before stays there."""
    page, before = _opened(run_page, three_conversations)
    page.button(key="choose-handled-ai").click().run()
    page.button_group(key="range_widget").set_value("last-week").run()
    _late(page, before)
    page.switch_page("pages/satisfaction.py").run()
    assert query_of(page) == before | {"range": "last-week"}
    assert page.button_group(key="range_widget").value == "last-week"


def test_parameters_of_an_old_link_are_named_once_and_removed_by_the_next_change(
    run_page: RunPage, three_conversations: Site
) -> None:
    """One notice for all of them, as text; they filter nothing."""
    known = {"website": three_conversations.slug, "tz": "UTC"}
    page = run_page(CONVERSATIONS, **known, country="DE", utm_source="<b>mail</b>")
    notice = "This link's “country=DE&utm_source=<b>mail</b>” is not known here and was ignored."
    assert text_of(page).count(notice) == text_of(page).count("was ignored") == 1
    assert r"\<b\>mail" in source_of(page)
    assert not [chip for chip in page.button if str(chip.key).startswith("chip-")]
    page.button(key="choose-handled-ai").click().run()
    assert query_of(page) == known | {"handled": "ai"}
    assert "was ignored" not in text_of(page)


def test_the_notice_about_an_old_link_has_a_button(run_page: RunPage, three_conversations: Site) -> None:
    """It removes what is not known, and nothing else."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", handled="ai", device="mobile")
    page.button(key="ignored-unknown").click().run()
    assert query_of(page) == {"website": three_conversations.slug, "tz": "UTC", "handled": "ai"}
    assert "was ignored" not in text_of(page)


def test_a_page_that_names_its_website_in_the_address_keeps_the_notice(
    run_page: RunPage, three_conversations: Site
) -> None:
    """No click of the viewer did that, so the next drawing has the notice still."""
    page = run_page(CONVERSATIONS, tz="UTC", device="mobile")
    assert query_of(page) == {"website": three_conversations.slug, "tz": "UTC", "device": "mobile"}
    assert "was ignored" in text_of(page.run())


def test_the_link_to_the_page_itself_has_all_of_its_address(
    run_page: RunPage, three_conversations: Site
) -> None:
    """So that a click on it never looks like a late request."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", handled="ai")
    links = {link.proto.page: dict(parse_qsl(link.proto.query_string)) for link in page.get("page_link")}
    assert links["conversations"] == query_of(page)
    assert "handled" not in links["satisfaction"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("app.py", {"range": "2026-13-45..x"}),
        ("app.py", {"range": "30d"}),
        ("pages/conversations.py", {"handled": "robots"}),
        ("pages/conversations.py", {"handled": "ai"}),
        ("pages/satisfaction.py", {"compare": "x"}),
        ("pages/visitors.py", {"country_code": "FR"}),
    ],
)
def test_what_comes_and_goes_moves_nothing_else(
    run_page: RunPage, three_conversations: Site, two_visitors: Site, path: str, query: dict[str, str]
) -> None:
    """Notices and chips: the browser knows panels by their place, and would draw each in the room of another."""
    places = [
        len(run_page(path, website=two_visitors.slug, tz="UTC", **more).main.children) for more in ({}, query)
    ]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (Measure, conversation_filters.MEASURES),
        (HandledBy, conversation_filters.HANDLED),
        (Status, conversation_filters.FUNNEL),
        (Sort, conversation_list.SORTS),
    ],
)
def test_each_word_of_a_closed_set_comes_back_from_the_url(
    words: object, offered: Mapping[str, object]
) -> None:
    """No other word does; the refusal says which there are."""
    assert set(get_args(words)) == set(offered)
    parse = url_state.choice(offered)
    for word in offered:
        assert parse(word) == word
        for other in (f"{word} ", word.upper(), ""):
            with pytest.raises(ValueError, match=f"Possible are .*{word}"):
                parse(other)
