"""Entry: registers the pages and runs the one that the address names.

The links to the pages, with their icons, are the sidebar's: an icon given here would become the browser tab's, fetched
from another host.

Every page stands alone (`chrome.begin_page`), so there is nothing here that a page could miss.
"""

import streamlit as st

from pages.components.page import sidebar

st.navigation(
    [st.Page(path, title=title, default=path == sidebar.PAGES[0][0]) for path, title, _icon in sidebar.PAGES],
    position="hidden",
).run()
