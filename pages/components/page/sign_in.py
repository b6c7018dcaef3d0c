"""Sign-in: the viewer of a session, and the pages shown instead of the requested one without sign-in or access.

Owns their texts. Texts from the identity provider are never shown: its answers arrive here as an `Outcome`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NoReturn, get_args

import streamlit as st
from starlette.requests import Request
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from analytics import cached
from analytics.errors import AccessDenied, AnalyticsError, NotSignedIn
from analytics.scope.access import Viewer, Website
from analytics.scope.identity import Identity
from analytics.settings.sign_in import OUTCOME, Outcome, providers
from pages.components import formatting
from pages.components.page import audit_events
from pages.components.page.panel import end_page

WATCH_SECONDS = 30
CARD_WIDTH_PX = 420
_TELL: Final = "tell the people who run this dashboard"
WORDS: Final[dict[Outcome, tuple[str, str]]] = {
    "denied": (
        "You were not signed in",
        "Access was denied at the identity provider. Try again, or choose another account.",
    ),
    "unreachable": (
        "The identity provider cannot be reached",
        f"Try again in a minute. If this stays, {_TELL}.",
    ),
    "clock": (
        "You were not signed in",
        "The clocks of this server and of the identity provider differ, so that its answer is not valid here. Trying again"
        f" does not help: {_TELL}.",
    ),
    "late": ("You were not signed in", "It took too long, or began in another browser. Sign in again."),
    "failed": (
        "You were not signed in",
        f"The identity provider refused, or its answer was not valid. Try again. If this stays, {_TELL}: the log says why.",
    ),
    "signed-out": (
        "You have signed out",
        "This browser shows nothing of your websites until you sign in again.",
    ),
}


def viewer(now: datetime) -> Viewer:
    """The viewer of this session; without one, draws the sign-in page or the refusal and ends the run.

    Raises:
        ConfigError: A setting is missing.
        SourceError: Postgres is down.
    """
    outcome = _outcome()
    try:
        found = cached.viewer_for(_identity(), now)
    except NotSignedIn as error:
        if st.user.to_dict().get("is_logged_in") is True:
            audit_events.refusal(error.message, who=_claimed())
        _ask_to_sign_in(error, outcome)
    except AccessDenied as error:
        refuse(error.message, error.remedy)
    st.session_state.pop(OUTCOME, None)
    audit_events.sign_in(found)
    return found


@st.fragment(run_every=WATCH_SECONDS, parallel=True)
def watch(viewer: Viewer, drawn: Sequence[Website]) -> None:
    """Rerun the whole page when the viewer's access changes, so that no data stays on screen that they may not see."""
    try:
        is_due = cached.has_changed(viewer, drawn, datetime.now(UTC))
    except AnalyticsError:
        is_due = (
            True  # Postgres has been down for longer than the last known access is valid: the page says so.
        )
    if is_due:
        st.rerun()


def _identity() -> Identity | None:
    """The identity in this session's cookie; None without a sign-in.

    Raises:
        AccessDenied: The provider's claims open no account.
    """
    claims = st.user.to_dict()
    return cached.identity_of(claims) if claims.get("is_logged_in") is True else None


def _claimed() -> str | None:
    """The email address in the provider's claims, with or without access: untrusted text. None without one."""
    email = st.user.to_dict().get("email")
    return email if isinstance(email, str) else None


def identity_of_request(request: Request) -> Identity | None:
    """The identity in a request's cookie; None without a sign-in.

    Raises:
        AccessDenied: The provider's claims open no account.
        ConfigError: A setting is missing.
    """
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = request.cookies.get(name)
        return None if value is None else decode_signed_value(secret, name, value)

    try:
        claims = json.loads(get_cookie_with_chunks(signed, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return None
    # As for the WebSocket: a cookie issued under another address of this server is not valid here.
    if (
        not isinstance(claims, dict)
        or not claims.get("is_logged_in")
        or claims.get("origin") != get_origin_from_redirect_uri()
    ):
        return None
    return cached.identity_of(claims)


def _outcome() -> Outcome | None:
    """How signing in or out ended. Moved from the URL into the session, so that a copied link does not repeat it."""
    said = st.query_params.pop(OUTCOME, None)
    if said in get_args(Outcome):
        st.session_state[OUTCOME] = said
    outcome: Outcome | None = st.session_state.get(OUTCOME)
    return outcome


def _ask_to_sign_in(error: NotSignedIn, outcome: Outcome | None) -> NoReturn:
    title, text = (
        WORDS[outcome]
        if outcome
        else ("Sign in" if not error.remedy else error.message, error.remedy or error.message)
    )
    with _card("Sign in", title, text):
        for name in providers(st.secrets["auth"]):
            label = f"Sign in with {formatting.markdown(name.capitalize())}" if name else "Sign in"
            key = f"sign-in-{name or 'default'}"
            if st.button(label, key=key, type="primary", width="stretch", on_click=_forget_outcome):
                st.login(name or None)
    end_page()


def refuse(title: str, text: str) -> NoReturn:
    """Draw the page for a signed-in person without access: the reason, their address, and a button to change it."""
    email = _claimed()
    audit_events.refusal(title, who=email)
    with _card("No access", title, text):
        if email is not None:
            st.caption(f"Signed in as {formatting.markdown(email, limit=254)}", text_alignment="center")
        if not cached.is_demo():
            st.button("Sign in with another address", type="primary", width="stretch", on_click=_sign_out)
    end_page()


@contextmanager
def _card(name: str, title: str, text: str) -> Iterator[None]:
    """Draw a card in the middle of the page: logo, heading, one sentence, and the caller's buttons."""
    st.set_page_config(page_title=f"{name} · Inbox Analytics")
    with (
        st.container(horizontal_alignment="center", key="sign-in-page"),
        st.container(
            border=True, width=CARD_WIDTH_PX, horizontal_alignment="center", gap="small", key="sign-in"
        ),
    ):
        # Relative, so that it works behind a proxy that serves the app under a prefix.
        st.html(
            '<img src="app/static/logo.svg" alt="Inbox Analytics" width="176" height="32">', width="content"
        )
        st.title(formatting.markdown(title.removesuffix(".")), anchor=False, text_alignment="center")
        st.markdown(f":gray[{formatting.markdown(text, limit=2000)}]", text_alignment="center")
        yield


def offer_sign_out() -> None:
    """Draw the button to sign out; none in demo mode, which has no sign-in."""
    if not cached.is_demo():
        st.button("Sign out", type="tertiary", icon=":material/logout:", on_click=_sign_out)


def _forget_outcome() -> None:
    st.session_state.pop(OUTCOME, None)


def _sign_out() -> None:
    """End the sign-in in all tabs of this process, and send the browser to the route that deletes its cookies."""
    _forget_outcome()
    try:
        identity = _identity()
    except AccessDenied:
        identity = None
    if identity is not None:
        cached.end_sign_in(identity, datetime.now(UTC))
    st.logout()
