"""Files of a whole page: the buttons that download all its tables as one Excel workbook, and that print it.

The browser collects the tables at the click (static/page_files.js) from the panels that are drawn, each with its filters.
"""

from datetime import date

import streamlit as st

from pages.components import ASSETS

_SCRIPTS = ("export_button.js", "export_request.js", "page_files.js")
_STYLES = ("export.css", "copy_link.css", "page_files.css")

_buttons = st.components.v2.component(
    "page_files",
    html=(ASSETS / "page_files.html").read_text("utf-8"),
    css="".join((ASSETS / each).read_text("utf-8") for each in _STYLES),
    js="".join((ASSETS / each).read_text("utf-8") for each in _SCRIPTS),
)


def offer(title: str, of: str, first: date, last: date) -> None:
    """Draw the buttons of the page with this title; what it is about and its dates, both inclusive, name the workbook."""
    name = title.lower().replace(" ", "-")
    _buttons(key="page-files", width="content", data={"file": f"{of}-{name}-{first}-{last}.xlsx"})
