"""Entry: registers the pages and runs the one that the address names.

Every page stands alone (`chrome.begin_page`), so there is nothing here that a page could miss.
"""

import streamlit as st

from pages.components import chrome

st.navigation(
    [
        st.Page(path, title=title, icon=icon, default=path == chrome.PAGES[0][0])
        for path, title, icon in chrome.PAGES
    ],
    position="hidden",
).run()
