"""Time bands: the distribution of response or resolution times, one bar per band with share, count and cumulative share.

Owns the texts of the bands and the headline. Shares are computed in `analytics.kpis.conversation_breakdown`.
"""

from collections.abc import Sequence
from math import isinf

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.kpis import conversation_breakdown
from analytics.scope import periods
from analytics.scope.periods import Period
from analytics.scope.selection import BAND_COUNT, BAND_SECONDS, Measure, Selection, Times
from analytics.scope.tiers import Comparability
from pages.components import formatting
from pages.components.charts import plot
from pages.components.metrics import changes
from pages.components.selection import filters
from pages.components.selection.conversation_filters import band_end, band_label
from pages.components.theme_colors import Palette, palette

HEADLINE_BAND: dict[Measure, int] = {"response": 1, "resolution": 3}
"""Last band that the headline counts: up to 15 minutes to answer, up to 4 hours to resolve."""

DONE: dict[Measure, str] = {"response": "answered", "resolution": "resolved"}
NOUNS: dict[Measure, str] = {"response": "first responses", "resolution": "resolved conversations"}
ROW_PX, HEAD_PX = 34, 22
COLUMNS_PX = (50, 93, 148)
LABEL_PX = 85


def draw_headline(
    bands: pd.DataFrame,
    before: pd.DataFrame | None,
    measure: Measure,
    selection: Selection,
    comparability: Comparability,
) -> None:
    """Draw the headline: the share answered or resolved within the target, and whether it changed.

    A click on one of the two counts under it selects their conversations.

    `bands` and `before` are `conversation_breakdown.bands` of the two periods; None is no comparison.
    """
    band = HEADLINE_BAND[measure]
    row, total = bands.iloc[band], int(bands["conversations"].sum())
    limit = (
        formatting.duration(float(row["longest_seconds"])).replace(" m", " minutes").replace(" h", " hours")
    )
    st.markdown(
        f"## {formatting.rate(row['cumulative_ratio'])} :gray[:small[{DONE[measure]} within {limit}]]",
        anchors=False,
    )
    delta = conversation_breakdown.in_time(bands, before, band, comparability, NOUNS[measure])
    if said := changes.line(delta):
        st.markdown(f":small[{' · '.join(said)}]")
    within = int(bands["conversations"].head(band + 1).sum())
    limit_seconds = int(row["longest_seconds"])
    in_time, late = Times("within", limit_seconds), Times("longer", limit_seconds)
    with st.container(horizontal=True, gap="small", key=f"in-time-{measure}"):
        for times, n, words in ((in_time, within, "in time"), (late, total - within, "took longer")):
            label = f"{formatting.count(n)} {words}"
            filters.choose(label, measure, str(times), is_chosen=selection.of(measure) == times)


def changes_table(
    bands: pd.DataFrame, before: pd.DataFrame, measure: Measure, comparability: Comparability
) -> pd.DataFrame:
    """The change of the share up to each band, as the headline says that of its band, for a file; arguments as there."""
    deltas = [
        conversation_breakdown.in_time(bands, before, band, comparability, NOUNS[measure])
        for band in range(len(bands))
    ]
    return pd.DataFrame(
        {
            "cumulative_change_percentage_points": [delta.change for delta in deltas],
            "cumulative_change_low_percentage_points": [delta.low for delta in deltas],
            "cumulative_change_high_percentage_points": [delta.high for delta in deltas],
            "verdict": [changes.VERDICTS[delta.verdict] for delta in deltas],
        }
    )


def draw_bands(
    bands: pd.DataFrame,
    before: pd.DataFrame | None,
    measure: Measure,
    chosen: Times | None,
    previous: Period,
) -> None:
    """Draw one bar per band; a click on a row selects the band, a second click removes the filter.

    `bands` and `before` as in `draw_headline`; the latter is marked beside each bar.
    """
    points = plot.draw(
        _bars(bands, before, measure, chosen, palette()),
        ROW_PX * BAND_COUNT + HEAD_PX,
        key=f"bands-{measure}-{chosen}",
        is_clickable=True,
        alt=f"{NOUNS[measure].capitalize()} by time: "
        + ", ".join(
            f"{band_label(band)} {formatting.rate(share)}" for band, share in enumerate(bands["share_ratio"])
        ),
    )
    if before is not None:
        st.caption(f"Grey marks: {periods.days_label(*previous.local_days())}.")
    clicked = points[0]["point_index"] if points else None
    index = chosen.number if chosen is not None and chosen.kind == "band" else None
    # An empty band has no conversations to select, so a click on it can only remove a filter.
    if clicked is not None and (bands["conversations"].iloc[clicked] or clicked == index):
        filters.toggle(measure, str(Times("band", clicked)))


@plot.kept
def _bars(
    bands: pd.DataFrame,
    before: pd.DataFrame | None,
    measure: Measure,
    chosen: Times | None,
    colours: Palette,
) -> go.Figure:
    is_shown = [_is_among(band, chosen) for band in range(BAND_COUNT)]
    labels = [band_label(band) for band in range(BAND_COUNT)]
    shares = bands["share_ratio"]
    shares_before = None if before is None else before["share_ratio"].fillna(0.0)
    texts = [
        f"<b>{label}</b>: {formatting.rate(share)} ({formatting.count(n)})<br>{_up_to(end, ratio, measure)}"
        + ("" if was is None else f"<br>before: {formatting.rate(was)}")
        for label, share, was, n, end, ratio in zip(
            labels,
            shares,
            [None] * BAND_COUNT if shares_before is None else shares_before,
            bands["conversations"],
            bands["longest_seconds"],
            bands["cumulative_ratio"],
            strict=True,
        )
    ]
    figure = go.Figure(
        [
            go.Bar(
                y=labels,
                x=[1.0] * BAND_COUNT,
                orientation="h",
                marker={"color": colours.grid, "opacity": 0.45, "cornerradius": 3},
                hovertext=texts,
                hovertemplate="%{hovertext}<extra></extra>",
            ),
            go.Bar(
                y=labels,
                x=shares,
                orientation="h",
                marker={
                    "color": colours.accent,
                    "opacity": [1.0 if each else 0.35 for each in is_shown],
                    "cornerradius": 3,
                },
                hovertext=texts,
                hovertemplate="%{hovertext}<extra></extra>",
            ),
        ]
    )
    if before is not None and shares_before is not None and before["conversations"].sum():
        figure.add_scatter(
            y=labels,
            x=shares_before,
            mode="markers",
            marker={"symbol": "line-ns", "size": 18, "line": {"width": 2, "color": colours.muted}},
            hoverinfo="skip",
            cliponaxis=False,
        )
    # The chosen bar has its own colour; Plotly's selection would additionally fade the other bars.
    figure.update_traces(
        selector={"type": "bar"},
        selected={"marker": {"opacity": 1}} if all(is_shown) else None,
        unselected={"marker": {"opacity": 1}} if all(is_shown) else None,
    )
    _columns(figure, bands, is_shown, colours)
    figure.update_layout(
        barmode="overlay",
        bargap=0.42,
        margin={"l": LABEL_PX, "r": COLUMNS_PX[-1] + 4, "t": HEAD_PX},
    )
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticksuffix=" ",
        ticks="",
        tickfont={"color": colours.text, "size": 13},
        automargin=False,
    )
    return figure


def _is_among(band: int, chosen: Times | None) -> bool:
    """Whether a band contains selected times.

    >>> [_is_among(band, Times("within", 900)) for band in range(3)]
    [True, True, False]
    >>> [_is_among(band, Times("longer", 86_400)) for band in (3, 4, 5)]
    [False, False, True]
    """
    if chosen is None:
        return True
    if chosen.kind == "band":
        return band == chosen.number
    if chosen.kind == "within":
        return band == 0 or BAND_SECONDS[band - 1] < chosen.number
    return band == BAND_COUNT - 1 or BAND_SECONDS[band] > chosen.number


def _columns(figure: go.Figure, bands: pd.DataFrame, is_shown: Sequence[bool], colours: Palette) -> None:
    """Write share, count and cumulative share in columns right of the bars."""
    heads = zip(("Share", "Count", "By then"), COLUMNS_PX, strict=True)
    written = [
        _cell(text, right, y=1, yref="paper", colour=colours.muted, anchor="bottom") for text, right in heads
    ]
    cells = zip(
        bands["share_ratio"],
        bands["conversations"],
        bands["longest_seconds"],
        bands["cumulative_ratio"],
        strict=True,
    )
    for band, (share, n, end, ratio) in enumerate(cells):
        label, is_faded = band_label(band), not is_shown[band]
        values = (
            (f"<b>{formatting.rate(share)}</b>", colours.muted if is_faded else colours.text, 13),
            (formatting.count(n), colours.muted, 12),
            (formatting.MISSING if isinf(end) else formatting.rate(ratio), colours.muted, 12),
        )
        written += [
            _cell(text, right, y=label, yref="y", colour=colour, anchor="middle", size=size)
            for (text, colour, size), right in zip(values, COLUMNS_PX, strict=True)
        ]
    # All at once: for each that is added on its own, Plotly copies and checks those before.
    figure.update_layout(annotations=written)


def _cell(
    text: str, right: int, *, y: float | str, yref: str, colour: str, anchor: str, size: int = 12
) -> dict[str, object]:
    return {
        "text": text,
        "x": 1,
        "xanchor": "right",
        "xshift": right,
        "y": y,
        "yref": yref,
        "yanchor": anchor,
        "font": {"color": colour, "size": size},
    }


def _up_to(longest: float, ratio: float, measure: Measure) -> str:
    if isinf(longest):
        return f"{DONE[measure]} later than a day"
    return f"{formatting.rate(ratio)} {DONE[measure]} within {band_end(longest)}"
