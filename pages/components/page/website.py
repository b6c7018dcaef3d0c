"""The website in the URL; a page that offers the viewer's other websites if that one does not exist.

A page never shows the numbers of another website than the one in its URL. A website that does not exist and one without
access are treated alike: the same reads, the same text.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NoReturn

import streamlit as st

from analytics import cached
from analytics.scope.access import Viewer, Website
from pages.components import formatting
from pages.components.page import audit_events, sidebar
from pages.components.page.panel import end_page
from pages.components.selection import url_state

OFFERED: Final = 12
"""How many websites are offered as buttons; the sidebar finds the others."""


def asked_for(
    viewer: Viewer, websites: tuple[Website, ...], now: datetime
) -> tuple[Website | None, tuple[Website, ...]]:
    """The website in the URL, the first one if it has none, None without access; and those that the viewer may open.

    `websites` may be cached: they are read again if the requested one is missing.

    Raises:
        AccessDenied: The viewer may not look at anything.
        SourceError: Postgres is down.
    """
    slug = url_state.value("website")
    if slug is None:
        return websites[0], websites
    if slug not in [website.slug for website in websites]:
        websites = cached.websites_anew(viewer, now)
    return next((website for website in websites if website.slug == slug), None), websites


def draw_missing(title: str, viewer: Viewer, websites: Sequence[Website]) -> NoReturn:
    """Draw the page for a URL whose website the viewer may not open, and end the run."""
    audit_events.refusal(
        "This website does not exist or is not open to the viewer.", website=url_state.value("website")
    )
    sidebar.draw_choice(viewer, websites)
    st.title(title, anchor=False)
    st.warning(
        "Check the link, or ask for an invitation to the website. If it was made just now, look again.",
        title="This website does not exist or is not open to you",
        icon=":material/link_off:",
    )
    st.button("Look again", key="look-again", icon=":material/refresh:", type="tertiary")
    st.markdown("**Your websites**")
    with st.container(horizontal=True, gap="small", key="websites"):
        for each in websites[:OFFERED]:
            # Escaped separately, so that a right-to-left name does not reorder the text beside it.
            name, domain = (
                formatting.markdown(text) for text in (formatting.website_name(each), each.domain)
            )
            st.button(
                f"{name} · {domain}",
                key=f"open-{each.slug}",
                on_click=url_state.write,
                args=("website", each.slug),
            )
    end_page()
