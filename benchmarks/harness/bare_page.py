"""The yardstick of `pages.py`: five metrics and a sidebar like the product's, without data, charts or styles."""

import streamlit as st


def draw() -> None:
    """Draw the page."""
    with st.sidebar:
        st.selectbox("Website", ["Northwind Outdoor", "Tea & Crumb", "Fernhill Books"])
        st.selectbox("Dates", ["Last 7 days", "Last 30 days", "Last 90 days"])
        st.toggle("Compare", value=True)
        st.selectbox("Timezone", ["UTC", "Europe/Berlin", "America/New_York"])
    st.title("Overview")
    for number, column in enumerate(st.columns(5)):
        column.metric(f"Metric {number}", f"{number * 10} s", f"{number} %", border=True)


st.set_page_config(page_title="Bare page", layout="wide")
st.navigation([st.Page(draw, title="Bare page", default=True)]).run()
