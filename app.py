"""Entry script: registers the pages and runs the one in the address.

The sidebar draws the links and icons: an icon given here would become the icon of the browser tab, fetched from another host.
Every page works without this script (`begin.begin_page`), so it has nothing that a page needs.
"""

import streamlit as st

from pages.components.page import sidebar

st.navigation(
    [st.Page(path, title=title, default=path == sidebar.PAGES[0][0]) for path, title, _icon in sidebar.PAGES],
    position="hidden",
).run()
