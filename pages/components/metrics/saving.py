"""Saves a setting that was entered in a form, and says why where it could not be saved.

Two people may save at once: the second one is shown the first one's change, keeps their entries, and can save again.
"""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from analytics.errors import AnalyticsError, Conflict
from pages.components.page.panel import failure

Version = TypeVar("Version")


def seen(key: str, newest: Version | None) -> Version | None:
    """The version that the entries of the form began with: a change since then is shown before it can be replaced."""
    kept: Version | None = st.session_state.setdefault(f"{key}-seen", newest)
    return kept


def save(
    key: str,
    write: Callable[[], None],
    newest: Callable[[], Version | None],
    in_words: Callable[[Version], str],
    said: Callable[[], str],
) -> None:
    """Write the entries and draw the page again.

    Args:
        key: Key of the form.
        write: Saves the entries.
        newest: Reads the newest version, after another person has saved.
        in_words: A version as Markdown: what, who and when.
        said: Makes what the form says once it is saved.
    """
    try:
        write()
    except ValueError as error:
        st.error(str(error))
        return
    except Conflict as error:
        found = newest()
        st.session_state[f"{key}-seen"] = found
        theirs = "" if found is None else f"{in_words(found)}. "
        st.warning(
            f"{theirs}Your entries are kept: save again to replace that change.",
            title=error.message,
            icon=":material/group:",
        )
        return
    except AnalyticsError as error:
        failure(error, key)
        return
    del st.session_state[f"{key}-seen"]
    st.session_state[f"{key}-said"] = said()
    st.rerun()


def confirm(key: str) -> None:
    """Say once that the entries were saved."""
    if said := st.session_state.pop(f"{key}-said", None):
        st.success(said, icon=":material/check:")
