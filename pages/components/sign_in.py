"""Who is signed in: asked where a page begins and where a request for a file comes in."""

import json
from datetime import datetime
from typing import NoReturn

import streamlit as st
from starlette.requests import Request
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from analytics import cached
from analytics.access import Viewer
from analytics.errors import AccessDenied, NotSignedIn
from analytics.identity import Identity
from pages.components import formatting


def viewer(now: datetime) -> Viewer:
    """The viewer of this session; where there is none, the page to sign in takes the place of what was asked for.

    Raises:
        ConfigError: A setting is missing.
        SourceError: Postgres is down.
    """
    try:
        return cached.viewer_for(_identity(), now)
    except NotSignedIn as error:
        _ask_to_sign_in(error)
    except AccessDenied as error:
        _refuse(error)


def _identity() -> Identity | None:
    """Whom the cookie of this session names; None where nobody has signed in.

    Raises:
        AccessDenied: The provider's claims open no account.
    """
    claims = st.user.to_dict()
    return cached.identity_of(claims) if claims.get("is_logged_in") is True else None


def identity_of_request(request: Request) -> Identity | None:
    """Whom the cookie of a request names; None where nobody has signed in.

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
    # As where the WebSocket opens: a cookie of another address of this server opens nothing here.
    if not claims.get("is_logged_in") or claims.get("origin") != get_origin_from_redirect_uri():
        return None
    return cached.identity_of(claims)


def _ask_to_sign_in(error: AccessDenied) -> NoReturn:
    with st.container(horizontal_alignment="center", key="sign-in"):
        st.title("Inbox Analytics", anchor=False, width="content")
        st.write(formatting.markdown(str(error)))
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    st.stop()


def _refuse(error: AccessDenied) -> NoReturn:
    with st.container(horizontal_alignment="center", key="refused"):
        st.title(formatting.markdown(error.message), anchor=False, width="content")
        st.write(formatting.markdown(error.remedy))
        st.button("Sign in with another address", icon=":material/logout:", on_click=st.logout)
    st.stop()


def offer_sign_out() -> None:
    """The button that ends the sign-in; nothing in the demo, where nobody has signed in."""
    if not cached.is_demo():
        st.button("Sign out", type="tertiary", icon=":material/logout:", on_click=st.logout)
