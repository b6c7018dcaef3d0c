"""Explain: the definition of a number, its other statistics, and the queries that it comes from."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer

from analytics.cached import Kpi, SentQuery
from analytics.errors import SourceError
from pages.components import formatting
from pages.components.metrics import changes, median_mix


def draw(kpi: Kpi, queries: Sequence[SentQuery], left_out: Callable[[], int] | None = None) -> None:
    """Draw the button that opens the explanation of one number; style.css puts it beside the number's name.

    `left_out` counts the conversations in it that are deleted or tests, and is called only while this is open; None if
    the KPI counts no conversations.
    """
    metric, delta = kpi.metric, kpi.delta
    opened = _draw_first_lines(metric.key, metric.title, metric.definition, facts(kpi))
    with opened:
        if delta.reason:
            st.caption(f"{_VERDICTS[delta.verdict]}: {delta.reason}.")
        if opened.open:
            if left_out is not None:
                _draw_left_out(left_out)
            st.caption(_IN_CHARTS)
            _draw_queries(queries)


def draw_definition(
    key: str, title: str, definition: str, rows: Iterable[tuple[str, str]], queries: Sequence[SentQuery]
) -> None:
    """Draw the button that opens the explanation of a number that is no KPI; `rows` are further facts, as (name, text).

    The key is unique on the page.
    """
    opened = _draw_first_lines(key, title, definition, rows)
    if opened.open:
        with opened:
            _draw_queries(queries)


def _draw_first_lines(
    key: str, title: str, definition: str, rows: Iterable[tuple[str, str]]
) -> PopoverContainer:
    """Draw the button and what it shows at once; returns the popover.

    While it is closed only this is drawn: the rest, of all cards, is a tenth of the elements of Overview.
    """
    opened = st.popover(
        f"Explain {title}",
        icon=":material/help:",
        type="tertiary",
        key=f"explain-{key}",
        on_change="rerun",
    )
    with opened:
        st.markdown(f"**{title}**  \n{definition}")
        st.html(_table(rows))
    return opened


def _draw_queries(queries: Sequence[SentQuery]) -> None:
    for query in queries:
        st.caption(f"From the {query.source} `{query.name}`, times in UTC, up to but not including the end:")
        st.code(
            "\n".join(f"{name}={value}" for name, value in query.params.items()),
            language=None,
            wrap_lines=True,
        )


_IN_CHARTS = (
    "In charts every hour, day or week is a period of its own: what happens to one conversation or visitor in two of "
    "them counts in both, and once in the whole period."
)
_VERDICTS = {"within_noise": "No clear change", "not_comparable": "Not comparable"}


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """The rows as HTML, escaped: for each table of its own, Streamlit would build two frames and an Arrow file."""
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows
    )
    return f'<table class="facts">{cells}</table>'


def _draw_left_out(left_out: Callable[[], int]) -> None:
    try:
        count = left_out()
    except SourceError as error:
        st.caption(f"How many of these conversations are deleted or test is not known: {error.message}")
        return
    if count:
        them = "1 conversation that is" if count == 1 else f"{formatting.count(count)} conversations that are"
        st.caption(f"Still counted here: {them} deleted or of a test visitor. A daily `sync` removes them.")


def counted(kpi: Kpi) -> str:
    """The number of observations behind a value, such as "625 responses" or "127 ratings, 543 sentiments"."""
    parts = kpi.current.n_parts or ((kpi.current.n, kpi.metric.n_of),)
    return ", ".join(formatting.counted(n, of) for n, of in parts)


def facts(kpi: Kpi) -> list[tuple[str, str]]:
    """Other statistics of a KPI as (name, text); those that do not exist are left out.

    Medians: exact value in seconds, mean and p90. All but counts: 95 % interval and number of observations. All: the
    previous value.
    """
    kind, current, is_duration = kpi.metric.kind, kpi.current, kpi.metric.kind == "duration"

    def exactly(value: float) -> str:
        text = formatting.value_of(kind, value)
        return f"{text} ({formatting.count(value)} s)" if is_duration else text

    found: list[tuple[str, str]] = []
    if current.value is not None:
        value = changes.since_text(exactly(current.value), kpi.since)
        found.append(("Median" if is_duration else "Value", value))
    if current.mean is not None:
        found.append(("Mean", exactly(current.mean)))
    if current.p90 is not None:
        found.append(("90 % within (p90)", exactly(current.p90)))
    elif current.mean is not None:
        found.append(("90 % within (p90)", "not shown below 10 values"))
    if current.interval is not None:
        low, high = (formatting.value_of(kind, end) for end in (current.interval.low, current.interval.high))
        found.append(("95 % interval", f"{low} to {high}"))
    if kind != "count":  # A count is its own number of observations.
        found.append(("Counted", counted(kpi)))
    if kpi.still_waiting is not None:
        stale = formatting.as_of(kpi.still_waiting_stale_since, datetime.now(UTC))
        waiting = f"{formatting.counted(kpi.still_waiting, 'conversations')}{stale}"
        found.append(("Still waiting, not counted", waiting))
    if moved := changes.in_words(kpi.delta):
        found.append(("Change", moved))
    found += [(name, formatting.count(n)) for name, n in current.related]
    if kpi.previous is not None and kpi.previous.value is not None:
        found.append(("Period before", exactly(kpi.previous.value)))
        if kind != "count":
            found.append(("Counted, period before", formatting.counted(kpi.previous.n, kpi.metric.n_of)))
    found.extend(median_mix.facts(kpi))
    return found
