"""Heatmap of the week: 7 x 24 hours with average volume or median response; a click on a cell selects the hour.

Owns how the week is drawn. The cells are bars because Streamlit reports no clicks on a Plotly heatmap.
"""

from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from analytics.scope.selection import HourOfWeek
from pages.components import formatting
from pages.components.charts import plot
from pages.components.selection import filters, switch
from pages.components.selection.conversation_filters import WEEKDAYS, cell_label
from pages.components.theme_colors import Palette, palette

Shown = Literal["volume", "response"]

SHOWN: dict[Shown, str] = {"volume": "Volume", "response": "Median response"}
NOUNS: dict[Shown, str] = {"volume": "conversations", "response": "responses"}
DEFAULT_SHOWN: Shown = "volume"
HEIGHT_PX = 290
NUMBER_PX = 10
CELL = 0.94
"""Width of a cell, as a part of an hour's width; the rest is the gap."""

TOTAL_X, TOTAL_Y = 24.3, 8
"""Position of the totals: right of the last hour, under Sunday."""

FEW = 5
"""A cell with fewer values is hatched."""

STRONGEST_OF_FEW = 0.4
PALEST = 0.14
CLIPPED_QUANTILE = 0.95

_VALUE: dict[Shown, str] = {"volume": "conversations_per_hour", "response": "median_response_seconds"}
_COUNT: dict[Shown, str] = {"volume": "conversations", "response": "responded"}


def draw_header() -> Shown:
    """Draw title and switch between volume and median response; returns the value of the URL parameter `heat`."""
    return switch.draw_titled(
        "heat", "Shown in the heatmap", SHOWN, DEFAULT_SHOWN, lambda _: "Hour of the week"
    )


def draw_week(hours: pd.DataFrame, shown: Shown, chosen: HourOfWeek | None) -> None:
    """Draw `conversation_breakdown.hours`; a click on a cell selects its hour, a second click removes the filter.

    There is at least one conversation.
    """
    clicked_points = plot.draw(
        figure(hours, shown, chosen, palette()),
        HEIGHT_PX,
        key=f"week-{shown}-{chosen}",
        alt=alt(hours, shown),
        is_clickable=True,
    )
    points = [point for point in clicked_points if not point["curve_number"]]
    if points:
        row = hours.iloc[points[0]["point_index"]]
        clicked = HourOfWeek(int(row["weekday"]), int(row["hour"]))
        # An empty cell has no conversations to select, so a click on it can only remove a filter.
        if row["conversations"] or clicked == chosen:
            filters.toggle("cell", str(clicked))


@plot.kept
def figure(hours: pd.DataFrame, shown: Shown, chosen: HourOfWeek | None, colours: Palette) -> go.Figure:
    """The week as 168 bars, one per hour: the value as colour, its n as text, hatched below `FEW` values.

    Cells below `FEW` values do not set the colour scale and never get its strongest colour. An hour outside the period has no
    colour, an hour without conversations the palest.
    """
    values, n = hours[_VALUE[shown]], hours[_COUNT[shown]]
    is_few = (n > 0) & (n < FEW)
    top = _top(values, n, shown)
    parts = (values / top if top else values * 0.0).clip(upper=1.0)
    parts = parts.mask(is_few, parts.clip(upper=STRONGEST_OF_FEW))
    palest = _mixed(colours.surface, colours.accent, PALEST)
    fills = [
        "rgba(0,0,0,0)"
        if elapsed == 0
        else _mixed(colours.surface, colours.grid, 0.45)
        if count == 0
        else _mixed(palest, colours.accent, part)
        for elapsed, count, part in zip(hours["hours_in_period"], n, parts, strict=True)
    ]
    places = {int(day): place for place, day in enumerate(hours["weekday"].unique(), 1)}
    drawn = go.Figure(
        go.Bar(
            x=hours["hour"],
            base=hours["weekday"].map(places) - CELL / 2,
            y=[CELL] * len(hours),
            width=CELL,
            marker={
                "color": fills,
                "line": {"width": 0},
                "pattern": {
                    "shape": ["/" if few else "" for few in is_few],
                    "fgcolor": colours.surface,
                    "fgopacity": 0.8,
                    "size": 5,
                    "solidity": 0.35,
                },
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            text=[_short(count) for count in n],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            insidetextfont={"size": NUMBER_PX, "color": [_legible(fill, colours) for fill in fills]},
            hovertext=[_hover_text(row, shown) for _, row in hours.iterrows()],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    drawn.add_trace(_totals(hours["weekday"].map(places), hours["hour"], n, colours))
    drawn.add_annotation(
        text=_scale(values, top, shown),
        x=1,
        xanchor="right",
        y=1,
        yanchor="bottom",
        yshift=6,
        font={"color": colours.muted, "size": 12},
    )
    if chosen is not None:
        drawn.add_shape(
            type="rect",
            x0=chosen.hour - 0.5,
            x1=chosen.hour + 0.5,
            y0=places[chosen.weekday] - 0.5,
            y1=places[chosen.weekday] + 0.5,
            line={"color": colours.text, "width": 2},
        )
    drawn.update_layout(barmode="overlay", margin={"t": 24})
    drawn.update_xaxes(
        tickvals=[*range(0, 24, 3), TOTAL_X],
        ticktext=[*(f"{hour:02}:00" for hour in range(0, 24, 3)), "Total"],
        range=[-0.5, TOTAL_X + 0.7],
        tickangle=0,
        tickfont={"color": colours.muted},
    )
    drawn.update_yaxes(
        tickvals=[*range(1, 8), TOTAL_Y],
        ticktext=[*(WEEKDAYS[day - 1][:3] for day in places), "Total"],
        range=[TOTAL_Y + 0.5, 0.5],
        showgrid=False,
        ticksuffix="  ",
        ticks="",
        tickfont={"color": colours.text, "size": 13},
    )
    return drawn


def _totals(rows: pd.Series, columns: pd.Series, n: pd.Series, colours: Palette) -> go.Bar:
    """The totals per day, per hour and overall: text without a cell, not clickable."""
    days, each_hour = n.groupby(rows).sum(), n.groupby(columns).sum()
    return go.Bar(
        x=[*[TOTAL_X] * len(days), *each_hour.index, TOTAL_X],
        base=[row - CELL / 2 for row in (*days.index, *[TOTAL_Y] * (len(each_hour) + 1))],
        y=[CELL] * (len(days) + len(each_hour) + 1),
        width=[1.4, *[1.4] * (len(days) - 1), *[CELL] * len(each_hour), 1.4],
        marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}},
        text=[_short(int(each)) for each in (*days, *each_hour, days.sum())],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        constraintext="none",
        insidetextfont={"size": NUMBER_PX, "color": colours.muted},
        hoverinfo="skip",
    )


def alt(hours: pd.DataFrame, shown: Shown) -> str:
    """The heatmap as a sentence: the highest value among the hours with enough values."""
    enough = hours[hours[_COUNT[shown]] >= FEW]
    if enough.empty:
        return f"{title(shown)}: every hour has fewer than {FEW} {NOUNS[shown]}"
    most = enough.iloc[int(enough[_VALUE[shown]].to_numpy(dtype="float64").argmax())]
    where = cell_label(int(most["weekday"]), int(most["hour"]))
    return (
        f"{title(shown)}, most on {where}: {_value(most, shown)} (n {formatting.count(most[_COUNT[shown]])})"
    )


def title(shown: Shown) -> str:
    """The title of the heatmap."""
    return f"{SHOWN[shown]} by hour of the week"


def footnote(shown: Shown, timezone: str) -> str:
    """The caption: meaning of colours and numbers, and the timezone."""
    what = (
        "Conversations started in each hour of the week. Stronger colour: more of them an hour, on average"
        if shown == "volume"
        else "Median first response to the conversations started in each hour of the week. Stronger colour: slower"
    )
    return (
        f"{what}. Numbers: {NOUNS[shown]}; hatched below {FEW}. Blank: not in this period. "
        f"Times in {formatting.markdown(timezone)}. Click an hour to see its conversations."
    )


def _top(values: pd.Series, n: pd.Series, shown: Shown) -> float:
    """The value with the strongest colour: the highest among cells with enough values, or among all if there are none."""
    enough = values[n >= FEW]
    known = (enough if len(enough) else values).dropna()
    if known.empty:
        return 0.0
    return float(known.quantile(CLIPPED_QUANTILE) if shown == "response" else known.max())


def _scale(values: pd.Series, top: float, shown: Shown) -> str:
    text = formatting.duration(top) if shown == "response" else f"{_average(top)} an hour"
    return f"0 – {text}{' or more' if (values > top).any() else ''}"


def _value(row: pd.Series, shown: Shown) -> str:
    if shown == "response":
        return formatting.duration(row["median_response_seconds"])
    return f"{_average(row['conversations_per_hour'])} an hour"


def _average(value: float) -> str:
    return formatting.rounded(value, 1, lowest=0)


def _hover_text(row: pd.Series, shown: Shown) -> str:
    """The hover text of a cell: average, n, the total time of this hour in the period, and the median."""
    head = f"<b>{cell_label(int(row['weekday']), int(row['hour']))}</b>"
    if not row["hours_in_period"]:
        return f"{head}<br>not in this period"
    lines = [
        head,
        f"{_value(row, 'volume')}: {formatting.count(row['conversations'])} started "
        f"in {formatting.duration(row['hours_in_period'] * 3600)}",
        f"median response {formatting.duration(row['median_response_seconds'])} "
        f"(n {formatting.count(row['responded'])})",
    ]
    if 0 < row[_COUNT[shown]] < FEW:
        lines.append(f"fewer than {FEW} {NOUNS[shown]}: may be chance")
    return "<br>".join(lines)


def _short(n: int) -> str:
    """A count in few characters; empty for 0.

    >>> _short(0), _short(999), _short(1200), _short(99_999)
    ('', '999', '1k', '100k')
    """
    if n < 1000:
        return str(n) if n else ""
    return f"{n / 1000:.0f}k"


def _legible(fill: str, colours: Palette) -> str:
    """The theme's text or background colour, whichever contrasts more with the fill; the text colour without a fill."""
    if not fill.startswith("#"):
        return colours.text
    own = _luminance(fill)
    return max(
        (colours.text, colours.surface),
        key=lambda colour: max(own, _luminance(colour)) / min(own, _luminance(colour)),
    )


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it, plus the 0.05 of its contrast ratio.

    >>> round(_luminance("#FFFFFF") / _luminance("#000000"))
    21
    """
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05


def _mixed(base: str, colour: str, part: float) -> str:
    """`base` mixed with `colour`, of which `part` (0..1) is taken, as hex."""
    both = [(int(base[at : at + 2], 16), int(colour[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in both)
