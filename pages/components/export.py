"""Export: a small button that downloads exactly the rows a panel shows.

Owns what the file is called and what its first line says. How cells are written is `analytics.exports`'s.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from types import MappingProxyType

import pandas as pd
import streamlit as st

from analytics import exports, periods
from pages.components import filters, formatting
from pages.components.chrome import Page


def offer_csv(
    page: Page,
    name: str,
    frame: pd.DataFrame,
    *,
    only: Mapping[str, str] = MappingProxyType({}),
    days: tuple[date, date] | None = None,
) -> None:
    """Draw a button that downloads the frame as CSV: same filters, same dates, same timezone, exact values.

    Call it with the frame that is drawn. The file is made when somebody asks for it.

    Args:
        page: names website, range and timezone in the file's first line.
        name: what the rows are, such as `visitors-by-city`; part of the file's name.
        frame: the rows.
        only: what these rows are narrowed by, as for `filters.chips`; the file's first line says it.
        days: first and last day that the rows cover; None for those of the page.
    """
    first, last = days or page.days
    dates = periods.days_label(first, last)
    about = (formatting.plain(page.website.name) or page.website.slug, dates, *filters.in_words(only))
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        st.download_button(
            "CSV",
            partial(exports.csv_bytes, frame.copy(), about=about, timezone=page.timezone),
            file_name=f"{page.website.slug}-{name}-{first}-{last}.csv",
            mime="text/csv",
            key=f"csv-{name}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Download exactly these rows",
        )
