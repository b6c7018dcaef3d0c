"""Changes as text: the change, the verdict, the 95 % range, and notes on why it may be chance.

Owns the texts. Verdicts are computed in `analytics.kpis.verdicts`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Literal

import streamlit as st

from analytics.kpis.declarations import Kind
from analytics.kpis.verdicts import SHOWN_DECIMALS, Delta, Unit, Verdict
from pages.components import formatting

VERDICTS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "within_noise": "no clear change",
    "unchanged": "no change",
    "not_comparable": "not comparable",
    "off": "",
}
_WORDS: dict[Kind, dict[Verdict, str]] = {
    "duration": {"better": "faster", "worse": "slower"},
    "count": {"better": "more", "worse": "fewer"},
}
MORE_DECIMALS = 2
"""Extra decimals at most for the ends of a range that would otherwise read as 0, as −100 %, or as equal."""

SUFFIXES: dict[Unit, str] = {"relative": "%", "pp": "pp", "points": "points"}
LARGEST_END = 10_000
"""A larger upper end, in percent (a hundredfold), is shown as unbounded."""


def verdict_text(verdict: Verdict, kind: Kind) -> str:
    """The verdict as a word that fits the kind of KPI; empty without a comparison.

    >>> verdict_text("better", "duration"), verdict_text("worse", "count"), verdict_text("within_noise", "ratio")
    ('faster', 'fewer', 'no clear change')
    """
    return _WORDS.get(kind, {}).get(verdict, VERDICTS[verdict])


def since_text(value: str, since: date | None) -> str:
    """A value with the first day that was counted, if that is later than the start of the period.

    >>> since_text("1,128", date(2026, 10, 27)), since_text("1,128", None)
    ('1,128 since 27 Oct', '1,128')
    """
    return value if since is None else f"{value} since {since.day} {since:%b}"


def change_text(delta: Delta) -> str | None:
    """The change as the card shows it; `–` if it cannot be computed, None without a comparison.

    >>> change_text(Delta(-0.182, "relative", "better")), change_text(Delta(4.14, "pp", "better"))
    ('−18 %', '+4.1 pp')
    >>> change_text(Delta(-0.9996, "relative", "better")), change_text(Delta(-1.0, "relative", "better"))
    ('−99.9 %', '−100 %')
    >>> change_text(Delta(None, "points", "not_comparable")), change_text(Delta(None, "points", "off"))
    ('–', None)
    """
    if delta.change is None:
        return None if delta.verdict == "off" else formatting.MISSING
    return written(delta.change, delta.unit)


def written(change: float, unit: Unit) -> str:
    """Write a change with its sign and unit, for cards, rows and sentences.

    A change that rounds to zero has no sign. −100 % means exactly that: −99.7 % keeps its decimal.

    >>> written(-0.182, "relative"), written(4.14, "pp"), written(0.004, "relative"), written(0.04, "points")
    ('−18 %', '+4.1 pp', '0 %', '0 points')
    >>> written(-0.997, "relative"), written(-0.9996, "relative"), written(-1.0, "relative")
    ('−99.7 %', '−99.9 %', '−100 %')
    """
    if unit != "relative":
        return formatting.signed(change, unit, SHOWN_DECIMALS[unit])
    percent = change * 100
    if -100 < percent <= -99.5:
        return formatting.signed(max(percent, -99.9), SUFFIXES[unit], 1)
    return formatting.signed(percent, SUFFIXES[unit], SHOWN_DECIMALS[unit])


def arrow(text: str | None) -> Literal["up", "down", "off"]:
    """The direction of a change, read from its text so that both agree: a text of 0 has no direction.

    >>> arrow("+4.1 pp"), arrow("−18 %"), arrow("0 %"), arrow("–"), arrow(None)
    ('up', 'down', 'off', 'off', 'off')
    """
    if text is None or text == formatting.MISSING:
        return "off"
    return "up" if text.startswith("+") else "down" if text.startswith(formatting.MINUS) else "off"


def range_text(delta: Delta) -> str | None:
    """The 95 % range of the change, as `between`; None without a change or with too few values for a range.

    >>> range_text(Delta(-0.36, "relative", "within_noise", low=-0.58, high=0.06))
    'between −58 and +6 %'
    """
    if delta.change is None or delta.low is None or delta.high is None:
        return None
    return between(delta.low, delta.high, delta.unit)


def between(low: float, high: float, unit: Unit) -> str | None:
    """The ends of a change's range as text; None if both read alike, as when all values are equal.

    >>> between(0.002, 0.098, "relative"), between(-1.24, 9.0, "pp")
    ('between +0.2 and +9.8 %', 'between −1.2 and +9.0 pp')
    """
    scale = 100 if unit == "relative" else 1
    low, high = low * scale, high * scale
    fewest = SHOWN_DECIMALS[unit]
    if high > LARGEST_END:
        return f"{next(_ways((low,), fewest))[0]} {SUFFIXES[unit]} or more"
    texts = next((texts for texts in _ways((low, high), fewest) if texts[0] != texts[1]), None)
    return None if texts is None else f"between {texts[0]} and {texts[1]} {SUFFIXES[unit]}"


def in_words(delta: Delta) -> str | None:
    """The change with its range in one line, "−36 %, between −58 and +6 %"; None without a change."""
    if delta.change is None:
        return None
    return ", ".join(part for part in (change_text(delta), range_text(delta)) if part)


def draw_range(delta: Delta, key: str) -> None:
    """Draw the 95 % range of a change, and on hover why it may be chance; nothing without a range.

    The key is unique on the page; style.css hides the range in narrow cards, where Explain shows it.
    """
    if words := range_text(delta):
        is_doubtful = delta.verdict == "within_noise" and delta.reason
        with st.container(key=f"range-{key}"):
            st.caption(
                formatting.unbroken(words), help=f"Could be chance: {delta.reason}" if is_doubtful else None
            )


def doubts(delta: Delta) -> list[str]:
    """Notes that belong to a change: why a large one may be chance, and what it does not cover."""
    lines = []
    if delta.verdict == "within_noise" and delta.is_twofold:
        lines.append(f"May be chance: {delta.reason}")
    if delta.basis:
        lines.append(f"Compared {delta.basis}")
    return lines


def line(delta: Delta) -> list[str]:
    """The change, its verdict, its range and its notes as parts of a line of Markdown, coloured if the change is clear."""
    change = change_text(delta)
    if delta.verdict == "off" or change is None:
        return []
    if delta.verdict == "not_comparable":
        return [f":gray[not comparable: {delta.reason}]"]
    said = [f":gray[{part}]" for part in (range_text(delta), *doubts(delta)) if part]
    if delta.verdict in {"within_noise", "unchanged"}:
        return [f":gray[{change}, {VERDICTS[delta.verdict]}]", *said]
    colour = "green" if delta.verdict == "better" else "red"
    return [f":{colour}[**{change}** {delta.verdict}]", *said]


def not_compared(words: str, reason: str | None, said: Iterable[str]) -> str:
    """`words` with the reason, which is left out where a sentence of `said`, shown beside it, has it already.

    >>> not_compared("Not compared", "data reaches back 21 days", [])
    'Not compared: data reaches back 21 days'
    >>> not_compared("Not compared", "data reaches back 21 days", ["Free plan: data reaches back 21 days."])
    'Not compared'
    """
    is_said = reason is None or any(reason in each.lower() for each in said)
    return words if is_said else f"{words}: {reason}"


def _ways(ends: Sequence[float], fewest: int) -> Iterator[list[str]]:
    """The ends as texts, fewest decimals first; texts that misread an end come last."""
    each = range(fewest, fewest + MORE_DECIMALS + 1)
    for decimals in sorted(each, key=lambda decimals: any(_misreads(end, decimals) for end in ends)):
        yield [formatting.signed(end, "", decimals).strip() for end in ends]


def _misreads(value: float, decimals: int) -> bool:
    """True if an end reads as exactly 0 or −100 % but is not."""
    shown = round(value, decimals)
    return (shown == 0 != value) or (shown <= -100 < value)
