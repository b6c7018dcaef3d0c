"""The satisfaction index opened: one bar per component, and what each did to the change.

Owns the words and the look. Scores, weights, parts and verdicts come ready from `analytics.attribution`.
"""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.attribution import Attribution, Part
from analytics.satisfaction import ComponentName
from pages.components import bars, formatting
from pages.components.changes import VERDICTS
from pages.components.palette import Palette, palette

NAMES: dict[ComponentName, str] = {
    "rating": "Rating",
    "sentiment": "Sentiment",
    "response": "Response",
    "resolution": "Resolution",
}
_HEAD_PX, _GAP_PX, _THICKEST_PX = 20, 18, 24
_CHANGE_COLUMN_PX = 62


def draw_headline(attribution: Attribution) -> None:
    """Draw which component moved the index most, and how sure the index itself is."""
    kpi = attribution.kpi
    if words := headline(attribution):
        st.markdown(words)
    if kpi.low is not None and kpi.high is not None:
        st.caption(f"95 % interval {formatting.score(kpi.low)} to {formatting.score(kpi.high)}")


def headline(attribution: Attribution) -> str | None:
    """Which component moved the index most, in one sentence; None when there is no change to explain."""
    change, main = attribution.kpi.delta.change, attribution.main
    if change is None:
        return None
    if main is None or main.shown_change is None:
        return "No component moved it."
    equal = [part for part in attribution.parts if part.shown_change == main.shown_change]
    names = " and ".join(NAMES[part.component.name].lower() for part in equal)
    each = " each" if len(equal) > 1 else ""
    moved = formatting.signed(main.shown_change, "").strip()
    return f"Of {formatting.signed(change, 'points')}, **{moved}{each} from {names}**."


def draw_parts(attribution: Attribution, before: str | None, *, key: str) -> None:
    """Draw one bar per component: as long as its score, as thick as its weight.

    Args:
        attribution: the index opened.
        before: what the period before is called, such as "9–15 Nov"; None when nothing is compared.
        key: identity of the chart across reruns.
    """
    colours = palette()
    figure = go.Figure()
    is_compared = any(part.change is not None for part in attribution.parts)
    heads = [("score", _CHANGE_COLUMN_PX if is_compared else 0)] + ([("change", 0)] if is_compared else [])
    for text, shift in heads:
        bars.write(figure, text, _HEAD_PX - 4, colours.muted, right_px=shift)
    top = _HEAD_PX
    for part in attribution.parts:
        thickness = (
            _THICKEST_PX * part.component.weight / max(each.component.weight for each in attribution.parts)
        )
        _draw_part(figure, part, top, thickness, colours)
        top += round(bars.TEXT_PX + thickness + _GAP_PX)
    bars.draw(figure, top, colours, key=key, alt=_alt(attribution))
    notes = ["As long as the score, as thick as its weight."]
    if is_compared and before:
        notes.append(f"Dotted: {before}. Change in points of the index, grey where not clear.")
    st.caption(" ".join(notes))


def table(attribution: Attribution, *, is_compared: bool) -> pd.DataFrame:
    """The bars as rows, one per component: scores from 0 to 100, what each adds to the index, and its change.

    Args:
        attribution: the index opened.
        is_compared: whether the rows say anything of the period before.
    """
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
    """The components that a bucket's index lacks, in words.

    >>> missing_words("rating, sentiment"), missing_words("")
    ('Rating, Sentiment', '')
    """
    return ", ".join(title for name, title in NAMES.items() if name in missing.split(", "))


def course_table(series: pd.DataFrame) -> pd.DataFrame:
    """The index over time as rows, both periods, with what is missing in each bucket."""
    names = [
        "period",
        "bucket_start",
        "bucket_end",
        "is_complete",
        "satisfaction_index",
        "satisfaction_missing",
    ]
    return series[names].assign(satisfaction_missing=series["satisfaction_missing"].map(missing_words))


def missing_sentence(series: pd.DataFrame, bucket: str) -> str | None:
    """Which components are missing in how many buckets of the period shown; None when none is.

    Args:
        series: `cached.kpi_timeseries`; buckets without an index are left out.
        bucket: hour, day or week.
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


def _draw_part(figure: go.Figure, part: Part, top: int, thickness: float, colours: Palette) -> None:
    component = part.component
    middle = top + bars.TEXT_PX + thickness / 2
    marker: dict[str, object] | None = None
    if component.is_missing:
        pattern = {"shape": "/", "fgcolor": colours.muted, "bgcolor": colours.surface, "size": 5}
        marker = {"color": colours.muted, "pattern": pattern, "cornerradius": 3}
    bars.add_bar(figure, component.score / 100, middle, thickness, colours, marker=marker, hover=_hover(part))
    if part.previous is not None:
        at = part.previous.score / 100
        figure.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=middle - thickness / 2 - 4,
            y1=middle + thickness / 2 + 4,
            line={"color": colours.text, "width": 1.5, "dash": "2px,2px"},
        )
    rests_on = "missing, counts as 50" if component.is_missing else f"n {formatting.count(component.n)}"
    about = f"{formatting.rate(component.weight)} of index · {rests_on}"
    text = top + bars.TEXT_PX - 4
    bars.write(
        figure,
        f'<b>{NAMES[component.name]}</b>  <span style="color:{colours.muted}">{about}</span>',
        text,
        colours.text,
    )
    if not component.is_missing:
        is_compared = part.shown_change is not None
        score = f"<b>{formatting.score(component.score)}</b>"
        bars.write(figure, score, text, colours.text, right_px=_CHANGE_COLUMN_PX if is_compared else 0)
    if part.shown_change is not None:
        colour = {"better": colours.better, "worse": colours.worse}.get(part.verdict or "", colours.muted)
        bars.write(figure, formatting.signed(part.shown_change, "").strip(), text, colour, right_px=0)


def _hover(part: Part) -> str:
    component = part.component
    name = f"<b>{NAMES[component.name]}</b>"
    if component.is_missing:
        return f"{name}: no data, counts as a neutral 50"
    low, high = formatting.score(component.interval.low), formatting.score(component.interval.high)
    lines = [
        f"{name} {formatting.score(component.score)}, 95 % interval {low} to {high}",
        f"{formatting.count(component.n)} {component.n_unit}",
        f"adds {component.contribution:.1f} points to the index",
    ]
    if part.previous is not None:
        lines.append(
            f"before: {formatting.score(part.previous.score)} (n {formatting.count(part.previous.n)})"
        )
    return "<br>".join(lines)


def _alt(attribution: Attribution) -> str:
    words = []
    for part in attribution.parts:
        component = part.component
        said = (
            "missing, counts as 50"
            if component.is_missing
            else f"{formatting.score(component.score)} of 100, n {formatting.count(component.n)}"
        )
        if part.shown_change is not None:
            said += f", {formatting.signed(part.shown_change, 'points')}"
        words.append(f"{NAMES[component.name]} ({formatting.rate(component.weight)}): {said}")
    return f"Satisfaction index {formatting.score(attribution.kpi.value)}: {'; '.join(words)}"
