"""The week by the hour: 7 x 24 cells of volume or of the median response, a cell selects its hour.

Owns how the week is drawn. Streamlit hears no click on a Plotly heatmap, so invisible squares lie over its cells.
"""

from typing import Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.selection import Cell
from pages.components import charts, filters, formatting, url_state
from pages.components.conversations import WEEKDAYS, cell_label
from pages.components.palette import palette

Shown = Literal["volume", "response"]

SHOWN: dict[Shown, str] = {"volume": "Volume", "response": "Median response"}
DEFAULT_SHOWN: Shown = "volume"
HEIGHT_PX = 260
LEGEND_PX = 110
CLIPPED_QUANTILE = 0.95


def parse_shown(text: str) -> Shown:
    """What the heatmap shows, as a URL names it.

    Raises:
        ValueError: There is no such thing.
    """
    for shown in SHOWN:
        if shown == text:
            return shown
    raise ValueError(f"Possible are {', '.join(SHOWN)}.")


def draw_header() -> Shown:
    """Draw title and switch between volume and median response; returns what is chosen, as the URL says in `heat`."""
    notices: list[str] = []
    chosen = url_state.read("heat", DEFAULT_SHOWN, parse_shown, notices)
    st.session_state["heat_widget"] = chosen
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("**Hour of the week**", width="content")
        st.segmented_control(
            "Shown in the heatmap",
            list(SHOWN),
            format_func=lambda key: SHOWN.get(key, key),
            key="heat_widget",
            required=True,
            label_visibility="collapsed",
            on_change=url_state.follow(
                "heat", "heat_widget", lambda key: None if key == DEFAULT_SHOWN else str(key)
            ),
        )
    for notice in notices:
        st.caption(notice)
    return chosen


def draw_week(hours: pd.DataFrame, shown: Shown, chosen: Cell | None) -> None:
    """Draw the week, Monday first; a click on a cell selects its hour, a second one takes it away.

    Args:
        hours: `analytics.conversations.hours`, with at least one conversation.
        shown: what the colour stands for.
        chosen: the hour that is selected.
    """
    colours = palette()
    column = "conversations" if shown == "volume" else "median_response_seconds"
    values = hours[column].astype("float64")
    if shown == "volume":
        values = values.where(values > 0)
    top = float(values.quantile(CLIPPED_QUANTILE)) if shown == "response" else float(values.max())
    is_clipped = bool((values > top).any())
    text = formatting.duration if shown == "response" else formatting.count
    empty_cell = _mixed(colours.surface, colours.grid, 0.45)
    figure = go.Figure(
        go.Heatmap(
            x=hours["hour"],
            y=hours["weekday"],
            z=[0] * len(hours),
            xgap=2,
            ygap=2,
            colorscale=[[0, empty_cell], [1, empty_cell]],
            showscale=False,
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Heatmap(
            x=hours["hour"],
            y=hours["weekday"],
            z=values,
            zmin=0,
            zmax=top or 1,
            xgap=2,
            ygap=2,
            colorscale=[[0, _mixed(colours.surface, colours.accent, 0.14)], [1, colours.accent]],
            hoverinfo="skip",
            colorbar={
                "orientation": "h",
                "thickness": 6,
                "len": LEGEND_PX,
                "lenmode": "pixels",
                "x": 1,
                "xanchor": "right",
                "y": 1.0,
                "yanchor": "bottom",
                "ticks": "",
                "outlinewidth": 0,
                "showticklabels": False,
            },
        )
    )
    figure.add_trace(
        go.Scatter(
            x=hours["hour"],
            y=hours["weekday"],
            mode="markers",
            marker={"symbol": "square", "size": 18, "opacity": 0, "color": colours.accent},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertext=[
                f"<b>{cell_label(weekday, hour)}</b><br>{formatting.count(n)} started<br>"
                f"median response {formatting.duration(median)}"
                for weekday, hour, n, median in zip(
                    hours["weekday"],
                    hours["hour"],
                    hours["conversations"],
                    hours["median_response_seconds"],
                    strict=True,
                )
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.add_annotation(
        text=f"0 to {text(top)}{' and more' if is_clipped else ''}",
        x=1,
        xref="paper",
        xanchor="right",
        xshift=-LEGEND_PX - 8,
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=6,
        showarrow=False,
        font={"color": colours.muted, "size": 12},
    )
    if chosen is not None:
        figure.add_shape(
            type="rect",
            x0=chosen.hour - 0.5,
            x1=chosen.hour + 0.5,
            y0=chosen.weekday - 0.5,
            y1=chosen.weekday + 0.5,
            line={"color": colours.text, "width": 2},
        )
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        hoverdistance=-1,
        hoverlabel={"bgcolor": colours.surface, "bordercolor": colours.grid, "font": {"color": colours.text}},
    )
    figure.update_xaxes(
        tickvals=list(range(0, 24, 3)),
        ticktext=[f"{hour:02}:00" for hour in range(0, 24, 3)],
        range=[-0.5, 23.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        tickfont={"color": colours.muted},
    )
    figure.update_yaxes(
        tickvals=list(range(1, 8)),
        ticktext=[day[:3] for day in WEEKDAYS],
        range=[7.5, 0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        ticksuffix="  ",
        ticks="",
        tickfont={"color": colours.text, "size": 13},
    )
    event = st.plotly_chart(
        figure,
        key=f"week-{shown}-{chosen}",
        height=HEIGHT_PX,
        config=charts.CONFIG,
        on_select="rerun",
        selection_mode="points",
        alt=_alt(hours, values, shown),
    )
    points = event["selection"]["points"]
    if points:
        row = hours.iloc[int(points[0]["point_index"])]
        clicked = Cell(int(row["weekday"]), int(row["hour"]))
        # Nothing lies behind an empty cell, so a click on it only ever takes a choice away.
        if row["conversations"] or clicked == chosen:
            filters.toggle("cell", str(clicked))


def _alt(hours: pd.DataFrame, values: pd.Series, shown: Shown) -> str:
    text = formatting.duration if shown == "response" else formatting.count
    if values.isna().all():
        return f"{title(shown)}: no values"
    at = int(values.to_numpy(dtype="float64", na_value=-1).argmax())
    where = cell_label(int(hours["weekday"].iloc[at]), int(hours["hour"].iloc[at]))
    return f"{title(shown)}, most on {where}: {text(float(values.iloc[at]))}"


def title(shown: Shown) -> str:
    """What the map shows, in a line."""
    return f"{SHOWN[shown]} by hour of the week"


def footnote(shown: Shown, timezone: str) -> str:
    """What a cell counts, and on whose clock."""
    what = (
        "Conversations started in that hour, all such days of the period together"
        if shown == "volume"
        else "Median first response to the conversations started in that hour; the stronger the colour, the longer"
    )
    return f"{what}. Clock of {formatting.markdown(timezone)}. Click an hour to see its conversations."


def _mixed(base: str, colour: str, part: float) -> str:
    """A colour laid over another one, `part` of it, as hex."""
    both = [(int(base[at : at + 2], 16), int(colour[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in both)
