"""Entry script: registers the pages and runs the one that the URL names.

The sidebar draws links and icons: Streamlit would use an icon given here for the browser tab and fetch it from another host.
Every page works without this script (`begin.begin_page`), so nothing that a page needs is set up here.
"""

import streamlit as st

from pages.components.page import sidebar

st.navigation(
    [st.Page(path, title=title, default=path == sidebar.DEFAULT) for path, title, _icon in sidebar.PAGES],
    position="hidden",
).run()
