"""Writes audit lines for sign-ins and refusals: once per session, not at every timed rerun."""

from typing import Final

import streamlit as st

from analytics.scope.access import Viewer
from analytics.scope.views import View
from analytics.web import audit
from analytics.web.audit import Event

_WRITTEN: Final = "audit-written"
_LOOKS: Final = "audit-looks"


def sign_in(viewer: Viewer) -> None:
    """Write the audit line of a session's sign-in; none in demo mode."""
    st.session_state[_LOOKS] = Event("refusal", who=viewer.email)
    if viewer.identity.signed_in_at is not None:
        _write_once(Event("sign-in", who=viewer.email, page=st.session_state.get("page")))


def looks_at(view: View) -> None:
    """Store the view of a session, for the audit line of a later refusal."""
    st.session_state[_LOOKS] = Event(
        "refusal", who=view.viewer.email, website=view.website_id, range=str(view.range)
    )


def refusal(reason: str, *, who: str | None = None, website: str | None = None) -> None:
    """Write the audit line of a refusal.

    `who` is an address without access, `website` the refused one, untrusted; None for those of the session.
    """
    seen: Event = st.session_state.get(_LOOKS, Event("refusal"))
    _write_once(
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


def _write_once(event: Event) -> None:
    written: set[tuple[str | None, ...]] = st.session_state.setdefault(_WRITTEN, set())
    # A sign-in counts once, whatever the page. A refusal ignores the range, which may differ at every rerun.
    where = (event.website, event.page, event.reason) if event.what == "refusal" else ()
    key = (event.what, event.who, *where)
    if key not in written:
        written.add(key)
        audit.write(event)
