"""Tab visibility: whether the browser tab is in the foreground, so that hidden tabs send no queries.

Owns the script that reports it to the server. Streamlit's own timers continue in a hidden tab at the same interval.
"""

import streamlit as st

# Reported after 3 seconds, so that a short look at another tab causes no rerun. The listener is removed when the page is left.
SCRIPT = """
export default function (component) {
  let timer = null, last = null
  const report = () => {
    if (last === document.hidden) return
    last = document.hidden
    component.setStateValue('hidden', document.hidden)
  }
  const changed = () => {
    clearTimeout(timer)
    if (document.hidden) timer = setTimeout(report, 3000)
    else if (last) report()
  }
  document.addEventListener('visibilitychange', changed)
  changed()
  return () => { clearTimeout(timer); document.removeEventListener('visibilitychange', changed) }
}
"""

_watch = st.components.v2.component("tab_visibility", js=SCRIPT)


def is_hidden() -> bool:
    """Whether the tab is in the background; the page is rerun when that changes."""
    with st.container(key="visibility"):
        result = _watch(key="tab-visibility", default={"hidden": False}, on_hidden_change=lambda: None)
    return bool(result.get("hidden", False))
