"""Median mix as text: how much of a median's change comes from the handlers themselves, and how much from their mix.

Owns the texts. The parts are computed in `analytics.kpis.median_mix`.
"""

from analytics.kpis.median_mix import Split
from analytics.kpis.metrics import Kpi
from pages.components import formatting
from pages.components.metrics import changes


def line(kpi: Kpi) -> str | None:
    """The note on the mix under a card's change; None if it is not needed.

    It is needed if the change or the shift of the mix is clear, and the mix makes at least half of the change or hides it.
    """
    parts = kpi.split
    if parts is None or not parts.matters:
        return None
    if kpi.delta.verdict not in {"better", "worse"} and not parts.is_shift_real:
        return None
    if parts.own_ratio is None or parts.mix_ratio is None:
        return f"{_shares(parts)}: no handler is in both periods"
    own = changes.written(parts.own_ratio, "relative")
    each = "no change" if own.startswith("0") else own if parts.is_own_real else "no clear change"
    return f"AI and people, each alone: {each}. Because {_shift(parts, ' is')}: {changes.written(parts.mix_ratio, 'relative')}"


def facts(kpi: Kpi) -> list[tuple[str, str]]:
    """Both parts of a median's change for Explain, as (name, text); empty without a change. Their product is the change."""
    parts = kpi.split
    if parts is None:
        return []
    if parts.own_ratio is None or parts.mix_ratio is None:
        return [(_shares(parts), "no handler is in both periods")]
    shift, own, range_ = _shift(parts), changes.written(parts.own_ratio, "relative"), parts.own_interval
    if range_ is not None and (moved := changes.between(range_.low, range_.high, "relative")):
        own += f", {moved}"
    return [
        ("AI and people, each alone", own),
        (f"{shift[0].upper()}{shift[1:]}: {_shares(parts)}", changes.written(parts.mix_ratio, "relative")),
    ]


def _shift(parts: Split, verb: str = "") -> str:
    if parts.ai_ratio == parts.previous_ai_ratio:
        return f"as much{verb} handled by AI"
    return f"{'more' if parts.ai_ratio > parts.previous_ai_ratio else 'less'}{verb} handled by AI"


def _shares(parts: Split) -> str:
    return f"AI {formatting.rate(parts.previous_ai_ratio)} before, {formatting.rate(parts.ai_ratio)} now"
