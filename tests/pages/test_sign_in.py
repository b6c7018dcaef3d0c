"""The page to sign in, and what stands in place of a page that a person may not see."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.page.sign_in import WORDS
from tests.conftest import ROOT, LocalStack
from tests.pages.conftest import query_of

PROVIDER = {"client_id": "x", "client_secret": "y", "server_metadata_url": "https://id.example"}
SHARED = {
    "redirect_uri": "https://inbox.example.com/team/oauth2callback",
    "cookie_secret": "f2b1c06a3d9e4857a0c4e1d7b8a95263",
}


def signed_out(section: dict[str, Any], **query: str) -> AppTest:
    """Live as it is without a sign-in."""
    page = AppTest.from_file(ROOT / "pages/live.py", default_timeout=30)
    page.secrets["auth"] = section
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def words(page: AppTest) -> str:
    """All text of a page."""
    return "\n".join([*(each.value for each in page.title), *(each.value for each in page.markdown)])


def test_every_provider_has_a_button(stack_environment: LocalStack) -> None:
    """With its name; one without a name has none, and nothing else is on the page."""
    del stack_environment
    page = signed_out(SHARED | {"google": PROVIDER, "my-idp": PROVIDER})
    assert not page.exception
    assert [button.label for button in page.button] == ["Sign in with Google", "Sign in with My\\-idp"]
    assert page.title[0].value == "Sign in"
    assert not page.sidebar.children
    assert [button.label for button in signed_out(SHARED | PROVIDER).button] == ["Sign in"]


@pytest.mark.parametrize("outcome", WORDS)
def test_how_it_ended_is_said_until_the_next_try(stack_environment: LocalStack, outcome: str) -> None:
    """In words of ours, and no longer in the address."""
    del stack_environment
    page = signed_out(SHARED | PROVIDER, **{"sign-in": outcome, "window": "15"})
    assert not page.exception
    assert page.title[0].value == WORDS[outcome][0]  # type: ignore[index]  # one of its keys
    assert query_of(page) == {"window": "15"}
    assert page.run().title[0].value == WORDS[outcome][0]  # type: ignore[index]  # one of its keys
    assert page.button[0].click().run().title[0].value == "Sign in"


@pytest.mark.parametrize("made_up", ["", "late ", "LATE", "<b>late</b>", "x" * 5000])
def test_a_made_up_outcome_says_nothing(stack_environment: LocalStack, made_up: str) -> None:
    """The outcome in a link is untrusted."""
    del stack_environment
    page = signed_out(SHARED | PROVIDER, **{"sign-in": made_up})
    assert page.title[0].value == "Sign in"
    assert not made_up.strip() or made_up not in words(page)
