"""Tells the audit lines who signed in and what was refused: once per session, not at every rerun of a timer."""

from typing import Final

import streamlit as st

from analytics.scope.access import Viewer
from analytics.scope.views import View
from analytics.web import audit
from analytics.web.audit import Event

_WRITTEN: Final = "audit-written"
_LOOKS: Final = "audit-looks"


def sign_in(viewer: Viewer) -> None:
    """Tells of a session's sign-in; the demo has none."""
    st.session_state[_LOOKS] = Event("refusal", who=viewer.email)
    if viewer.identity.signed_in_at is not None:
        _tell_once(Event("sign-in", who=viewer.email, page=st.session_state.get("page")))


def looks_at(view: View) -> None:
    """Notes what a session looks at, for a refusal of one of its panels."""
    st.session_state[_LOOKS] = Event(
        "refusal", who=view.viewer.email, website=view.website_id, range=str(view.range)
    )


def refusal(reason: str, *, who: str | None = None, website: str | None = None) -> None:
    """Tells of a refusal.

    Args:
        reason: In the words for viewers.
        who: An address that opened nothing; None for the session's viewer.
        website: What was asked for in vain; None for what the session looks at. Untrusted.
    """
    seen: Event = st.session_state.get(_LOOKS, Event("refusal"))
    _tell_once(
        Event(
            "refusal",
            who=who or seen.who,
            website=website or seen.website,
            page=st.session_state.get("page"),
            range=seen.range,
            outcome="refused",
            reason=reason,
        )
    )


def _tell_once(event: Event) -> None:
    written: set[tuple[str | None, ...]] = st.session_state.setdefault(_WRITTEN, set())
    # A sign-in is one on whichever page; a refusal may come with another range at every rerun.
    where = (event.website, event.page, event.reason) if event.what == "refusal" else ()
    key = (event.what, event.who, *where)
    if key not in written:
        written.add(key)
        audit.write(event)
