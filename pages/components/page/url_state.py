"""The URL holds the whole state of a page; widgets are views of it.

Each run reads a value from the URL, falls back with a notice where the URL says something impossible, and puts it
into the widget; a change of the widget writes the URL before the next run. So a link, a reload, the back button and
a new window show the same page.

A second click may be on its way before the browser has heard what the first one wrote: its request carries the address
of before, which Streamlit takes for the page's. `_settle` tells such an old address from one that was gone to, and keeps
what was written.

Streamlit's own `bind="query-params"` writes the label that a widget shows ("Northwind Outdoor · northwind.shop")
rather than the value behind it, and drops a wrong value without a word; links would break when a customer renames a
website.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics.kpis.visitor_breakdown import DIMENSIONS
from pages.components import formatting

T = TypeVar("T")
K = TypeVar("K", bound=str)
SHARED: Final = ("website", "range", "compare", "bucket", "tz", "window")
"""The parameters that a link to another page carries along."""
WORDS: Final[Mapping[str, str]] = {
    "website": "website",
    "range": "range of dates",
    "compare": "comparison",
    "bucket": "step of the charts",
    "tz": "timezone",
    "window": "time window",
    "metric": "chart",
    "measure": "chart",
    "heat": "chart",
    "page": "page of the list",
    "wall": "wall mode",
    **dict.fromkeys(DIMENSIONS, "filter"),
    "place": "place",
    "response": "filter",
    "resolution": "filter",
    "cell": "filter",
    "handled": "filter",
    "escalated": "filter",
    "status": "filter",
    "sort": "sort order",
    "rating": "filter",
}
"""Every parameter of the dashboard, and what it is called; a copied link has no others."""
# What is longer than any value can be is cut before it is parsed; it is wrong either way.
LONGEST_VALUE: Final = 200
# How long a request may be on its way: longer than any run of a page on a busy server.
LATE_SECONDS: Final = 30.0
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class _Address:
    """A page with its parameters."""

    page: str
    query: Mapping[str, str]

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that links carry to other pages."""
        return {name: self.query[name] for name in SHARED if name in self.query}


@dataclass(frozen=True, slots=True)
class _Known:
    """The address that a session shows, and those that it replaced: when, and which; oldest first."""

    now: _Address
    replaced: tuple[tuple[float, _Address], ...] = ()


class Ignored(str):
    """A notice about a parameter that could not be understood.

    Attributes:
        parameter: its name.
    """

    __slots__ = ("parameter",)
    parameter: str


def value(name: str, longest: int = LONGEST_VALUE) -> str | None:
    """The text of a URL parameter, cut at `longest`; None without it."""
    with _lock:
        _settle()
        text = st.query_params.get(name)
    return None if text is None else text[:longest]


def read(name: str, default: T, parse: Callable[[str], T], notices: list[str]) -> T:
    """The value of a URL parameter.

    Args:
        name: the parameter.
        default: what an absent or impossible parameter means.
        parse: text to value; raises ValueError where it is none.
        notices: where a fallback is reported, in words for the viewer; for `show`.
    """
    text = value(name)
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError:
        shown = formatting.markdown(text, limit=40)
        notice = Ignored(
            f"This link has a {WORDS.get(name, 'filter')} we do not know (“{shown}”). It was ignored."
        )
        notice.parameter = name
        notices.append(notice)
        return default


def show(notices: Sequence[str], *, is_small: bool = False) -> None:
    """Draw notices; a button beside each ignored parameter takes it out of the URL.

    Reserves a container even without notices: the browser matches what is below by its position.

    Args:
        notices: as `read` wrote them.
        is_small: whether they stand in a panel rather than on top of the page.
    """
    place = st.container()
    for notice in notices:
        with place, st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if is_small:
                st.caption(notice, width="content")
            else:
                st.info(notice, icon=":material/info:", width="stretch")
            if isinstance(notice, Ignored):
                st.button(
                    "Remove it",
                    key=f"ignored-{notice.parameter}",
                    type="tertiary",
                    on_click=write,
                    args=(notice.parameter, None),
                )


def write(name: str, value: str | None) -> None:
    """Put a value into the URL; None removes it, which stands for the default."""
    change({name: value})


def change(values: Mapping[str, str | None]) -> None:
    """Put several values into the URL in one step, which the back button takes back in one; None removes one."""
    with _lock:
        known = _settle()
        query = dict(known.now.query)
        for name, text in values.items():
            if text is None:
                query.pop(name, None)
            else:
                query[name] = text
        if query != known.now.query:
            st.query_params.from_dict(query)
            replaced = (*_late(known), (time.monotonic(), known.now))
            st.session_state["url"] = _Known(_Address(known.now.page, query), replaced)


def follow(name: str, widget_key: str, text: Callable[[T], str | None]) -> Callable[[], None]:
    """A callback for `on_change`: writes what the widget now holds into the URL.

    Args:
        name: the parameter.
        widget_key: the widget's key in the session state.
        text: value to text; None for the default, which the URL leaves out.
    """

    def changed() -> None:
        write(name, text(st.session_state[widget_key]))

    return changed


def choice(options: Mapping[K, object]) -> Callable[[str], K]:
    """A parser for one of a closed set of words, for `read`."""

    def parse(text: str) -> K:
        for option in options:
            if option == text:
                return option
        raise ValueError(f"Possible are {', '.join(options)}.")

    return parse


def shared(names: Sequence[str] = SHARED) -> dict[str, str]:
    """The parameters that a link to another page carries along."""
    with _lock:
        return {name: text for name, text in _settle().now.query.items() if name in names}


def everything() -> dict[str, str]:
    """All parameters: what a link to the page itself carries, so that it never looks like a late request."""
    return shared(tuple(WORDS))


def _settle() -> _Known:
    """The address that counts, after an old one was told from a new one.

    Streamlit sets the parameters to those of each request. They are old when the session itself replaced them a
    moment ago: what it wrote is put back, and said to the browser again. A step in the browser's history is always
    meant, and so is any other address, such as a link's.
    """
    context = get_script_run_ctx()
    page = "" if context is None else context.page_script_hash
    asked = _Address(page, dict(st.query_params))
    known: _Known | None = st.session_state.get("url")
    if known is not None and asked == known.now:
        return known
    late = () if known is None else _late(known)
    settled = asked
    replaced: tuple[tuple[float, _Address], ...] = ()
    if known is not None and not (context and context.is_history_navigation):
        old = [address for _, address in late]
        if asked in old:
            settled, replaced = known.now, late
        elif page != known.now.page and asked.shared in [address.shared for address in old]:
            # A link that was drawn before the change carries the website, or the dates, of before.
            rest = {name: text for name, text in asked.query.items() if name not in SHARED}
            settled = _Address(page, known.now.shared | rest)
            replaced = ((time.monotonic(), asked),)
    if late or settled != asked:
        # What was written before may reach the browser after it went elsewhere: the last message counts.
        st.query_params.from_dict(settled.query)
    st.session_state["url"] = known = _Known(settled, replaced)
    return known


def _late(known: _Known) -> tuple[tuple[float, _Address], ...]:
    """The addresses that were replaced so short a time ago that a request with one may still come."""
    return tuple(each for each in known.replaced if each[0] > time.monotonic() - LATE_SECONDS)
