"""KPIs as a table of a file: one row per KPI. Its columns do not depend on the values. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import pandas as pd

from analytics.kpis.declarations import Kind
from analytics.kpis.intervals import Interval
from analytics.kpis.metrics import Kpi
from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Unit
from pages.components.formatting import Ratio
from pages.components.metrics import changes

COLUMN_UNITS: Final[dict[Kind, str]] = {"duration": "seconds", "ratio": "ratio", "score": "points"}
"""Unit of a value, by kind; that of a count is what was counted."""

CHANGE_UNITS: Final[dict[Unit, str]] = {"relative": "ratio", "pp": "percentage_points", "points": "points"}
"""Unit of a change, as in the name of a column."""

_VALUE: Final = ("kpi", "value", "unit", "n", "n_of", "interval_low", "interval_high")
_CHANGE: Final = (
    *("previous_value", "previous_n", "change", "change_low", "change_high", "change_unit", "change_of"),
    *("verdict", "reason"),
)
_TIMES: Final = ("mean", "p90")
_FACTORS: Final = ("change_of_each_handler_ratio", "change_of_their_mix_ratio")
_COUNTED: Final = ("counted_since", "still_waiting", "still_waiting_as_of")
_INSTANTS: Final = ("counted_since", "still_waiting_as_of")


def table(kpis: Iterable[Kpi], *, is_compared: bool) -> pd.DataFrame:
    """KPIs with exact values, as objects: one row per KPI, in their order.

    Columns:
        kpi (string): its title.
        value, unit: seconds, a ratio (0..1), points, or a count of what `unit` names; no value when there was nothing to measure.
        n, n_of: number of observations, and their noun.
        interval_low, interval_high: 95 % interval of the value, in its unit; none with too few observations or for a count.
        previous_value, previous_n: the same numbers of the period before.
        change, change_low, change_high, change_unit: change and its 95 % interval as a ratio (-0.12 is 12 % less), percentage
            points or points.
        change_of (string): what is compared, if not the two values themselves.
        verdict, reason (string): as on the card, and why it is not clear or not comparable.
        missing (string): why there is no value.

    Those from `previous_value` to `reason` only if `is_compared`.
    """
    columns = [*_VALUE, *(_CHANGE if is_compared else ()), "missing"]
    return pd.DataFrame([_row(kpi) for kpi in kpis], columns=columns, dtype="object")


def details(kpis: Iterable[Kpi], visitors_since: datetime | None, *, is_compared: bool) -> pd.DataFrame:
    """What the cards of Overview say beside `table`, with its rows.

    Columns:
        mean, p90: of times, in seconds; 90th percentile from 10 values on.
        change_of_each_handler_ratio, change_of_their_mix_ratio: the two factors of a median's change; only if `is_compared`.
        counted_since (datetime, UTC): start of the count, if later than that of the period.
        still_waiting (int), still_waiting_as_of (datetime, UTC): conversations that are open and never answered; the instant
            only of a last good value.
    """
    rows = [
        {
            "mean": kpi.current.mean,
            "p90": kpi.current.p90,
            "change_of_each_handler_ratio": kpi.split and kpi.split.own_ratio,
            "change_of_their_mix_ratio": kpi.split and kpi.split.mix_ratio,
            "counted_since": visitors_since if kpi.since else None,
            "still_waiting": kpi.still_waiting,
            "still_waiting_as_of": kpi.still_waiting_stale_since,
        }
        for kpi in kpis
    ]
    columns = [*_TIMES, *(_FACTORS if is_compared else ()), *_COUNTED]
    frame = pd.DataFrame(rows, columns=columns, dtype="object")
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in _INSTANTS})


def _row(kpi: Kpi) -> dict[str, object]:
    metric, current, delta = kpi.metric, kpi.current, kpi.delta
    before = kpi.previous or NOTHING_MEASURED
    unit = COLUMN_UNITS.get(metric.kind, metric.n_of)
    return {
        "kpi": metric.title,
        "value": _in_unit(current.value, unit),
        "unit": unit,
        "n": current.n,
        "n_of": metric.n_of,
        **_ends("interval", current.interval, unit),
        "previous_value": _in_unit(before.value, unit),
        "previous_n": kpi.previous and before.n,
        **change_cells(delta, "change"),
        "change_of": delta.basis,
        "verdict": changes.verdict_text(delta.verdict, metric.kind),
        "reason": delta.reason,
        "missing": kpi.missing_reason,
    }


def change_cells(delta: Delta | None, name: str) -> dict[str, object]:
    """A change with its 95 % interval and unit, in columns that begin with `name`; None without a change to speak of."""
    unit = None if delta is None else CHANGE_UNITS[delta.unit].replace("_", " ")
    ends: dict[str, float | None] = dict.fromkeys(("", "_low", "_high"))
    if delta is not None:
        ends = {"": delta.change, "_low": delta.low, "_high": delta.high}
    return {**{f"{name}{end}": _in_unit(value, unit) for end, value in ends.items()}, f"{name}_unit": unit}


def _ends(name: str, interval: Interval | None, unit: str) -> dict[str, object]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": _in_unit(low, unit), f"{name}_high": _in_unit(high, unit)}


def _in_unit(value: float | None, unit: str | None) -> float | None:
    """A value as a cell: a ratio is shown in percent by a workbook, although its column has other units, too."""
    return Ratio(value) if value is not None and unit == "ratio" else value
