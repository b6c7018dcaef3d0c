"""Explain: what a number means, what else its values say, and which question to which source it comes from."""

from collections.abc import Callable, Sequence

import streamlit as st

from analytics.cached import Kpi, Question
from analytics.errors import SourceError
from analytics.kpis.verdicts import Delta
from pages.components import formatting
from pages.components.charts.timeseries import Metric
from pages.components.metrics import changes, median_mix


def draw(
    key: str,
    title: str,
    definition: str,
    readings: Sequence[tuple[str, str]],
    delta: Delta,
    questions: Sequence[Question],
    left_out: Callable[[], int] | None = None,
) -> None:
    """Draw the button that opens the explanation of one number; style.css puts it beside the number's name.

    Args:
        key: which number, unique on the page.
        title: what it is called.
        definition: one or two sentences.
        readings: its values by name, as from `facts`.
        delta: its change, for the reason of the verdict.
        questions: what was asked for it.
        left_out: how many of the conversations behind it are deleted or test, asked only while this is open; None where
            that cannot be.
    """
    # What is inside is drawn in any case; opening draws it again, with what is only asked for then.
    opened = st.popover(
        f"Explain {title}", icon=":material/help:", type="tertiary", key=f"explain-{key}", on_change="rerun"
    )
    with opened:
        st.markdown(f"**{title}**  \n{definition}")
        st.table(dict(readings), border="horizontal")
        if delta.reason:
            st.caption(f"{_VERDICTS[delta.verdict]}: {delta.reason}.")
        if opened.open and left_out is not None:
            _draw_left_out(left_out)
        st.caption(_IN_CHARTS)
        for question in questions:
            st.caption(
                f"From the {question.source} `{question.name}`, times in UTC, up to but not including the end:"
            )
            st.code(
                "\n".join(f"{name}={value}" for name, value in question.params.items()),
                language=None,
                wrap_lines=True,
            )


_IN_CHARTS = (
    "In charts every hour, day or week is a period of its own: what happens to one conversation or visitor in two of "
    "them counts in both, and once in the whole period."
)
_VERDICTS = {"within_noise": "No clear change", "not_comparable": "Not comparable"}


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
    """On how many observations of what a value rests, such as "625 responses" or "127 ratings, 543 sentiments"."""
    parts = kpi.n_parts or ((kpi.n, kpi.n_unit),)
    return ", ".join(f"{formatting.count(n)} {unit[:-1] if n == 1 else unit}" for n, unit in parts)


def facts(kpi: Kpi, metric: Metric) -> list[tuple[str, str]]:
    """The other readings of a KPI, each with its name; those that do not exist are left out.

    For the two medians: the exact value in seconds, mean, p90 and the 95 % interval; always how many were counted, and
    the value before.
    """

    def exactly(value: float) -> str:
        return (
            f"{metric.text(value)} ({formatting.count(value)} s)"
            if metric.kind == "duration"
            else metric.text(value)
        )

    found: list[tuple[str, str]] = []
    if kpi.value is not None:
        value = changes.since_text(exactly(kpi.value), kpi.since)
        found.append(("Median" if metric.kind == "duration" else "Value", value))
    if kpi.mean is not None:
        found.append(("Mean", exactly(kpi.mean)))
    if kpi.p90 is not None:
        found.append(("90 % within (p90)", exactly(kpi.p90)))
    elif kpi.mean is not None:
        found.append(("90 % within (p90)", "not shown below 10 values"))
    if kpi.low is not None and kpi.high is not None:
        found.append(("95 % interval", f"{metric.text(kpi.low)} to {metric.text(kpi.high)}"))
    found.append(("Counted", changes.since_text(counted(kpi), kpi.since)))
    if moved := changes.in_words(kpi.delta):
        found.append(("Change", moved))
    if kpi.still_open is not None:
        found.append(("Started in this period, open at its end", formatting.count(kpi.still_open)))
    if kpi.previous_value is not None:
        found.append(("Period before", exactly(kpi.previous_value)))
        found.append(("Counted, period before", f"{formatting.count(kpi.previous_n)} {kpi.n_unit}"))
    found.extend(median_mix.facts(kpi))
    return found
