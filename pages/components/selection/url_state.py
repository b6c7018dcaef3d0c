"""URL state: the URL holds the whole state of a page; widgets show it.

Each run reads a value from the URL, replaces an invalid one by the default with a notice, and puts it into the widget. A
change of the widget writes the URL before the next run. So a link, a reload, the back button and a new window show the
same page.

A second click may be sent before the browser has received the URL that the first one wrote. Its request carries the old
URL, which Streamlit takes for the current one. `_settle` distinguishes such an outdated URL from a real navigation, and
keeps the newer one.

Streamlit's own `bind="query-params"` is not used: it writes a widget's label ("Northwind Outdoor · northwind.shop") instead
of its value, so that links break when a website is renamed, and it drops an invalid value without a notice.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics.kpis.visitor_breakdown import DIMENSIONS
from pages.components import formatting

T = TypeVar("T")
K = TypeVar("K", bound=str)
SHARED: Final = ("website", "range", "compare", "bucket", "tz", "window")
"""The parameters that a link to another page keeps."""
WORDS: Final[Mapping[str, str]] = {
    "website": "website",
    "range": "range of dates",
    "compare": "comparison",
    "bucket": "step of the charts",
    "tz": "timezone",
    "window": "time window",
    **dict.fromkeys(("metric", "measure", "heat"), "chart"),
    "page": "page of the list",
    "wall": "wall mode",
    "place": "place",
    "sort": "sort order",
    "name": "name",
    "organization": "organization",
    "plan": "plan",
    **dict.fromkeys(DIMENSIONS, "filter"),
    **dict.fromkeys(("response", "resolution", "cell", "handled", "escalated", "status", "rating"), "filter"),
}
"""The name of every parameter in notices; the next `change` and a copied link have no other parameters."""
# Longer than any valid value. Longer text is cut before parsing; it is invalid anyway.
LONGEST_VALUE: Final = 200
# How long an outdated request may arrive late: longer than any run of a page on a busy server.
LATE_SECONDS: Final = 30.0
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class _Address:
    """A page with its parameters."""

    page: str
    query: Mapping[str, str]

    @property
    def shared(self) -> dict[str, str]:
        """The parameters that a link to another page keeps."""
        return {name: self.query[name] for name in SHARED if name in self.query}


@dataclass(frozen=True, slots=True)
class _Known:
    """The current address of a session, and the (monotonic time, address) pairs that it replaced, oldest first."""

    now: _Address
    replaced: tuple[tuple[float, _Address], ...] = ()


class Ignored(str):
    """A notice about an ignored parameter.

    Attributes:
        parameter: Name of the parameter.
    """

    __slots__ = ("parameter",)
    parameter: str

    @classmethod
    def of(cls, parameter: str, text: str) -> "Ignored":
        """Make the notice about one parameter."""
        notice = cls(text)
        notice.parameter = parameter
        return notice


def value(name: str, longest: int = LONGEST_VALUE) -> str | None:
    """The text of a URL parameter, cut at `longest`; None without it."""
    with _lock:
        _settle()
        text = st.query_params.get(name)
    return None if text is None else text[:longest]


def read(name: str, default: T, parse: Callable[[str], T], notices: list[str]) -> T:
    """Read and parse a URL parameter; the default, with a notice for `show`, where `parse` raises ValueError."""
    text = value(name)
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError:
        shown = formatting.markdown(text, limit=40)
        word = WORDS.get(name, "filter")
        article = "an" if word[0] in "aeiou" else "a"
        text = f"This link has {article} {word} we do not know (“{shown}”). It was ignored."
        notices.append(Ignored.of(name, text))
        return default


def note_unknown(notices: list[str]) -> None:
    """Append a notice about parameters that no page has, as an old link may; the next `change` removes them."""
    with _lock:
        unknown = [f"{name}={text}" for name, text in _settle().now.query.items() if name not in WORDS]
    if unknown:
        shown = formatting.markdown("&".join(unknown), limit=80)
        notices.append(Ignored.of("unknown", f"This link's “{shown}” is not known here and was ignored."))


def show(notices: Sequence[str], *, is_small: bool = False) -> None:
    """Draw the notices of `read`, small ones inside a panel, with a button that removes the ignored parameter.

    Draws its container even without notices: the browser matches the elements below it by position.
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
    """Write a value into the URL; None removes the parameter, which means the default."""
    change({name: value})


def change(values: Mapping[str, str | None], *, keeps_unknown: bool = False) -> None:
    """Write several values into the URL as one step of the browser's history; None removes a parameter.

    Parameters that no page has are removed as well, unless the page changes the URL without a click: then the notice about
    them has to stay.
    """
    with _lock:
        known = _settle()
        asked = {**known.now.query, **values}
        query = {
            name: text
            for name, text in asked.items()
            if text is not None and (keeps_unknown or name in WORDS)
        }
        if query != known.now.query:
            st.query_params.from_dict(query)
            replaced = (*_late(known), (time.monotonic(), known.now))
            st.session_state["url"] = _Known(_Address(known.now.page, query), replaced)


def follow(name: str, widget_key: str, text: Callable[[T], str | None]) -> Callable[[], None]:
    """A callback for `on_change` that writes the widget's value into the URL; `text` gives None for the default."""

    def changed() -> None:
        write(name, text(st.session_state[widget_key]))

    return changed


def choice(options: Collection[K]) -> Callable[[str], K]:
    """A parser for `read` that accepts the keys of `options` only."""

    def parse(text: str) -> K:
        for option in options:
            if option == text:
                return option
        raise ValueError(f"Possible are {', '.join(options)}.")

    return parse


def shared(names: Sequence[str] = SHARED) -> dict[str, str]:
    """The current parameters that a link to another page keeps."""
    with _lock:
        return {name: text for name, text in _settle().now.query.items() if name in names}


def everything() -> dict[str, str]:
    """All current parameters, for a link to the page itself: such a link never looks like an outdated request."""
    return shared(tuple(WORDS))


def _settle() -> _Known:
    """The current address, after an outdated request was recognized.

    Streamlit sets the parameters to those of each request. They are outdated if the session itself replaced them less than
    `LATE_SECONDS` ago: then the newer address is restored and sent to the browser again. A step in the browser's history,
    or any other address, such as a link's, is a real navigation.
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
            # A link that was drawn before the change carries the old website or dates.
            rest = {name: text for name, text in asked.query.items() if name not in SHARED}
            settled = _Address(page, known.now.shared | rest)
            replaced = ((time.monotonic(), asked),)
    if late or settled != asked:
        # An earlier write may reach the browser after it left that page; the last message wins.
        st.query_params.from_dict(settled.query)
    st.session_state["url"] = known = _Known(settled, replaced)
    return known


def _late(known: _Known) -> tuple[tuple[float, _Address], ...]:
    """The addresses that were replaced less than `LATE_SECONDS` ago: requests with them may still arrive."""
    return tuple(each for each in known.replaced if each[0] > time.monotonic() - LATE_SECONDS)
