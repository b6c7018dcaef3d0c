"""Whether anybody can see the page: a tab in the background is not worth a query.

Owns the few lines of script that tell the server. Streamlit's own timers go on in a hidden tab, at the same pace.
"""

import streamlit as st

# A glance at another tab costs nothing: only what stays hidden is reported. `component` keeps its listener until the
# page is left.
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
    """Whether the tab is in the background; the page runs again when that changes."""
    with st.container(key="attention"):
        result = _watch(key="tab-visibility", default={"hidden": False}, on_hidden_change=lambda: None)
    return bool(result.get("hidden", False))
