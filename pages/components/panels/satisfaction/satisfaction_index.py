"""The components of the satisfaction index: points gained and lost by each, and its contribution to the change.

Owns texts and layout. Scores, weights, parts and verdicts are computed in `analytics.kpis.satisfaction.attribution`.
"""

from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.kpis.satisfaction.attribution import Attribution, ComponentChange, rounded_parts
from analytics.kpis.satisfaction.index import Component, ComponentName
from pages.components import formatting
from pages.components.charts import plot
from pages.components.metrics.changes import VERDICTS
from pages.components.theme_colors import Palette, palette

NAMES: dict[ComponentName, str] = {
    "rating": "Rating",
    "sentiment": "Sentiment",
    "response": "Response",
    "resolution": "Resolution",
}
_SUBJECTS: dict[ComponentName, str] = {
    "rating": "Ratings account",
    "sentiment": "Sentiment accounts",
    "response": "Response times account",
    "resolution": "Resolved conversations account",
}
_ONE: dict[ComponentName, str] = {
    "rating": "rating",
    "sentiment": "rated conversation",
    "response": "response",
    "resolution": "conversation started",
}
_BAR_PX, _SUM_PX, _ROW_PX = 34, 26, 44
_CHANGE_COLUMN_PX = 52
_FONT_PX = 13
_BEST: Final = 100.0


def draw_headline(attribution: Attribution) -> None:
    """Draw the component that changed the index most, and the index's confidence interval."""
    kpi = attribution.kpi
    if words := headline(attribution):
        st.markdown(words)
    if interval := kpi.current.interval:
        st.caption(f"95 % interval {formatting.score(interval.low)} to {formatting.score(interval.high)}")


def headline(attribution: Attribution) -> str | None:
    """The largest contribution to the change as a sentence; None if no change is clear."""
    delta, main = attribution.kpi.delta, attribution.main
    if delta.change is None or delta.verdict not in {"better", "worse"}:
        return None
    if main is None or main.shown_change is None:
        return "No component moved it."
    equal = [part for part in attribution.parts if part.shown_change == main.shown_change]
    change, moved = (formatting.signed(each, "").strip() for each in (delta.change, main.shown_change))
    if len(equal) > 1:
        names = " and ".join(NAMES[part.component.name].lower() for part in equal)
        return f"{names.capitalize()} account for **{moved}** each of the {change} points."
    words = f"{_SUBJECTS[main.component.name]} for **{moved}**"
    rest = round(delta.change - main.shown_change, 1)
    if rest * delta.change < 0:
        return f"{words}, the others for {formatting.signed(rest, '').strip()}: {change} points."
    return f"{words} of the {change} points."


def draw_parts(attribution: Attribution, before: str | None, *, key: str) -> None:
    """Draw one bar of 100 points with the points gained and, paler, lost by each component; a row of text for each.

    `before` is the label of the previous period; None without a comparison.
    """
    is_compared = any(part.change is not None for part in attribution.parts)
    plot.draw(
        _parts(attribution, palette(), is_compared=is_compared),
        _BAR_PX + _SUM_PX + _ROW_PX * len(attribution.parts),
        key=key,
        alt=_alt(attribution),
    )
    notes = ["Pale: points lost."]
    if is_compared and before:
        notes.append(f"Dotted line: {before}. Changes are points of the index, grey where not clear.")
    if words := best_response(attribution):
        notes.append(words)
    st.caption(" ".join(notes))


@plot.kept
def _parts(attribution: Attribution, colours: Palette, *, is_compared: bool) -> go.Figure:
    figure = go.Figure()
    left = 0.0
    for part in attribution.parts:
        _draw_slot(figure, part, left, colours)
        left += part.component.weight
    _write(figure, sum_sentence(attribution), _BAR_PX + _SUM_PX - 4, colours.text)
    if is_compared:
        _write(figure, "change", _BAR_PX + _SUM_PX - 4, colours.muted, right_px=0)
    top = _BAR_PX + _SUM_PX
    for part in attribution.parts:
        _write_part(figure, part, top, colours)
        top += _ROW_PX
    figure.update_layout(barmode="overlay", hoverlabel_align="left")
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(visible=False, range=[top, 0])
    return figure


def sum_sentence(attribution: Attribution) -> str:
    """The points of each component and the index, as a sum.

    The points are rounded so that the rounded numbers add up to the rounded index.
    """
    shown = rounded_parts([part.component.contribution for part in attribution.parts])
    return f"{' + '.join(f'{points:.1f}' for points in shown)} = <b>{sum(shown):.1f}</b> of 100"


def best_response(attribution: Attribution) -> str | None:
    """A note that faster responses cannot raise the score further; None if they can."""
    (part,) = [part for part in attribution.parts if part.component.name == "response"]
    if part.component.is_missing or part.component.score < _BEST:
        return None
    had = part.previous is not None and not part.previous.is_missing and part.previous.score >= _BEST
    when = "in both periods" if had else "already"
    return f"Response has its best score {when}: a median of up to 5 m counts 100."


def table(attribution: Attribution, *, is_compared: bool) -> pd.DataFrame:
    """The components as a table, one per row: score (0..100), points of the index, and its change if `is_compared`."""
    rows: list[dict[str, object]] = []
    for part in attribution.parts:
        component, previous = part.component, part.previous
        row: dict[str, object] = {
            "component": NAMES[component.name],
            "weight_ratio": component.weight,
            "score_points": component.score,
            "is_missing": component.is_missing,
            "n": component.n,
            "n_of": component.n_unit,
            "interval_low_points": component.interval.low,
            "interval_high_points": component.interval.high,
            "contribution_points": component.contribution,
        }
        if is_compared:
            row |= {
                "previous_score_points": None if previous is None else previous.score,
                "previous_n": None if previous is None else previous.n,
                "change_points": part.change,
                "verdict": part.verdict and VERDICTS[part.verdict],
            }
        rows.append(row)
    return pd.DataFrame(rows)


def missing_words(missing: str) -> str:
    """The names of the components that a bucket's index lacks.

    >>> missing_words("rating, sentiment"), missing_words("")
    ('Rating, Sentiment', '')
    """
    return ", ".join(title for name, title in NAMES.items() if name in missing.split(", "))


def index_table(series: pd.DataFrame) -> pd.DataFrame:
    """The index over time as a table, both periods, with the components missing in each bucket."""
    edges = ["period", "bucket_start", "bucket_end", "is_complete"]
    shown = series[[*edges, "satisfaction_index", "satisfaction_missing"]]
    return shown.assign(satisfaction_missing=series["satisfaction_missing"].map(missing_words))


def missing_sentence(series: pd.DataFrame, bucket: str) -> str | None:
    """In how many buckets of the current period each component is missing, as a sentence; None if none is missing.

    Buckets without an index are left out.
    """
    rows = series[(series["period"] == "current") & series["satisfaction_index"].notna()]
    named = rows["satisfaction_missing"].str.split(", ").explode()
    counts = {name: int((named == name).sum()) for name in NAMES}
    words = [f"{NAMES[name].lower()} in {n}" for name, n in counts.items() if n]
    if not words:
        return None
    return (
        f"Of {formatting.count(len(rows))} {bucket}{'' if len(rows) == 1 else 's'} with an index, {', '.join(words)} "
        f"{'is' if len(words) == 1 else 'are'} missing and counted as a neutral 50."
    )


def _draw_slot(figure: go.Figure, part: ComponentChange, left: float, colours: Palette) -> None:
    """Draw a component's section of the bar: its width is the weight, the filled part the score."""
    component = part.component
    gained = component.contribution / 100
    marker: dict[str, object] = {"color": colours.accent}
    if component.is_missing:
        pattern = {"shape": "/", "fgcolor": colours.muted, "bgcolor": colours.surface, "size": 5}
        marker = {"color": colours.muted, "pattern": pattern}
    line = {"width": 2, "color": colours.surface}
    place = {"y": [_BAR_PX / 2], "width": _BAR_PX - 8, "orientation": "h"}
    hover = {"hovertext": [_hover(part)], "hovertemplate": "%{hovertext}<extra></extra>"}
    lost = {"color": colours.accent, "opacity": 0.16, "line": line}
    figure.add_bar(x=[gained], base=[left], marker={**marker, "line": line}, **hover, **place)
    figure.add_bar(x=[component.weight - gained], base=[left + gained], marker=lost, **hover, **place)
    if part.previous is not None:
        at = left + part.previous.contribution / 100
        figure.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=0,
            y1=_BAR_PX,
            line={"color": colours.text, "width": 1.5, "dash": "2px,2px"},
        )


def _write_part(figure: go.Figure, part: ComponentChange, top: int, colours: Palette) -> None:
    """Write two lines of text: points of the possible points and change; score and number of observations."""
    component = part.component
    is_compared = part.shown_change is not None
    full = f"{component.weight * 100:.0f}"
    _write(figure, f"<b>{NAMES[component.name]}</b>", top + 20, colours.text)
    adds = f"<b>{component.contribution:.1f}</b> of {full}"
    _write(figure, adds, top + 20, colours.text, right_px=_CHANGE_COLUMN_PX if is_compared else 0)
    _write(figure, _rests_on(component), top + 38, colours.muted)
    if part.shown_change is not None:
        colour = {"better": colours.better, "worse": colours.worse}.get(part.verdict or "", colours.muted)
        _write(figure, formatting.signed(part.shown_change, "").strip(), top + 20, colour, right_px=0)


def _write(figure: go.Figure, text: str, bottom: float, colour: str, *, right_px: int | None = None) -> None:
    """Write a line of text, its bottom `bottom` pixels from the top: at the left, or `right_px` from the right edge."""
    figure.add_annotation(
        text=text,
        x=0 if right_px is None else 1,
        xanchor="left" if right_px is None else "right",
        xshift=-(right_px or 0),
        y=bottom,
        yref="y",
        yanchor="bottom",
        borderpad=0,
        font={"color": colour, "size": _FONT_PX},
    )


def _rests_on(component: Component) -> str:
    """The score and its number of observations."""
    if component.is_missing:
        return "no data, counts as a neutral 50"
    return f"score {formatting.score(component.score)} · {_counted(component)}"


def _counted(component: Component) -> str:
    """The number of observations with their noun."""
    return f"{formatting.count(component.n)} {_ONE[component.name] if component.n == 1 else component.n_unit}"


def _hover(part: ComponentChange) -> str:
    component = part.component
    name = f"<b>{NAMES[component.name]}</b>"
    if component.is_missing:
        return f"{name}: no data, counts as a neutral 50 of 100"
    low, high = formatting.score(component.interval.low), formatting.score(component.interval.high)
    lines = [
        f"{name} {formatting.score(component.score)}, 95 % interval {low} to {high}",
        _counted(component),
        f"adds {component.contribution:.1f} of {component.weight * 100:.0f} points to the index",
    ]
    if part.previous is not None:
        lines.append(f"before: {formatting.score(part.previous.score)}, {_counted(part.previous)}")
    return "<br>".join(lines)


def _alt(attribution: Attribution) -> str:
    words = []
    for part in attribution.parts:
        component = part.component
        said = (
            "missing, counts as 50"
            if component.is_missing
            else f"{formatting.score(component.score)} of 100, {_counted(component)}"
        )
        if part.shown_change is not None:
            said += f", {formatting.signed(part.shown_change, 'points')}"
        words.append(f"{NAMES[component.name]} ({formatting.rate(component.weight, 0)}): {said}")
    return f"Satisfaction index {formatting.score(attribution.kpi.value)}: {'; '.join(words)}"
