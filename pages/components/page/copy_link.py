"""Copy link: the button that copies a link to the page with fixed dates, so that the link shows the same data next week.

The browser builds the link at the click (static/copy_link.js) from its address, without ignored parameters.
"""

import streamlit as st

from analytics.cached import OpenedView
from analytics.scope.comparison import BEFORE
from pages.components import ASSETS
from pages.components.selection import url_state

HELP = "Opens for people with access to the website."

_button = st.components.v2.component(
    "copy_link",
    html=(ASSETS / "copy_link.html").read_text("utf-8"),
    css="".join((ASSETS / each).read_text("utf-8") for each in ("export.css", "copy_link.css")),
    js="".join((ASSETS / each).read_text("utf-8") for each in ("export_button.js", "copy_link.js")),
)


def offer(view: OpenedView, *, has_range: bool, has_website: bool) -> None:
    """Draw the button; the link fixes dates only where the page has a range, and the website where it has one, and has none else."""
    resolved = view.resolved
    fixed = {"tz": resolved.period.timezone.key}
    if has_website:
        fixed["website"] = resolved.website.slug
    if has_range:
        dates, against = resolved.fixed
        fixed["range"] = str(dates)
        if against != BEFORE or url_state.value("compare") is not None:
            fixed["compare"] = str(against)
    names = [name for name in url_state.WORDS if has_website or name != "website"]
    words = f"Link to {'these dates' if has_range else 'this page'}. {HELP}"
    _button(key="copy-link", width="content", data={"names": names, "fixed": fixed, "help": words})
