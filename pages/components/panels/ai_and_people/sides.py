"""AI and people side by side, and whether they handled conversations of the same kind.

Owns texts and layout. `analytics.kpis.ai_and_people` computes and judges.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

import pandas as pd
import streamlit as st

from analytics.cached import Cohorts, Kpi, Likeness, SentQuery, SideBySide
from analytics.kpis.ai_and_people.likeness import UNLIKE_RATIO, Trait
from analytics.kpis.ai_and_people.outcomes import SIDES
from analytics.kpis.verdicts import Verdict
from pages.components import formatting
from pages.components.metrics import changes, explain, kpi_file
from pages.components.panels.ai_and_people.cohort import NAMES
from pages.components.theme_colors import palette

TITLE: Final = "AI and people side by side"
TRAITS: Final[dict[Trait, str]] = {
    "topic": "Topic, of the rated ones",
    "channel": "Channel",
    "priority": "Priority",
}
COMPARED: Final = (
    "Compared are topics of ratings, channels and priorities of the resolved conversations started in the period, by who "
    "resolved them last. What they asked for otherwise is not stored."
)


def draw_sides(rows: Sequence[SideBySide], queries: Sequence[SentQuery]) -> None:
    """Draw a table of both sides: value, n and change of each, and below it how the AI compares with people."""
    with st.container(gap="xsmall", key="total-sides"):
        st.markdown(f"**{TITLE}**")
        head = "".join(f'<th scope="col">{escape(NAMES[side])}</th>' for side in SIDES)
        body = "".join(map(_row, rows))
        st.html(f'<table class="facts sides"><tr><td></td>{head}</tr>{body}</table>')
        definition = "\n\n".join(f"**{row.metric.title}**: {row.metric.definition}" for row in rows)
        explain.draw_definition("sides", TITLE, definition, _facts(rows), queries)


def handed_over_sentence(cohorts: Cohorts) -> str | None:
    """What makes people's conversations others than the AI's from the start, as a sentence; None without a handover.

    People got from the AI what it did not resolve.
    """
    people = cohorts.current.people
    if not people.escalated:
        return None
    return (
        f"Of {formatting.counted(people.conversations, 'conversations')} that people resolved, the AI handed over "
        f"{formatting.count(people.escalated)}: it had not resolved them, and often gave their first answer."
    )


def draw_likeness(traits: Sequence[Likeness]) -> None:
    """Draw whether both sides handled the same kind of conversations; a warning if they did not."""
    unlike = [_short(each) for each in traits if each.is_unlike]
    if unlike:
        st.warning(
            "A difference between AI and people may come from what each of them had to handle.",
            title=f"The two groups differ by {' and '.join(unlike)}",
            icon=":material/balance:",
        )
    else:
        st.markdown(f":gray[{alike_sentence(traits)}]")
    for each in traits:
        st.markdown(likeness_line(each))
    st.caption(COMPARED)


def likeness_line(likeness: Likeness) -> str:
    """One trait of both sides as Markdown.

    >>> likeness_line(Likeness("channel", 40, 60, 0.25, True, "email", 0.1, 0.35))
    '**Channel** · 25 % apart :gray[· most for email: 10.0 % of the AI agent, 35.0 % of people · n 40 and 60]'
    >>> likeness_line(Likeness("topic", 0, 4))
    '**Topic, of the rated ones** · :gray[not known: the AI agent has 0, people have 4]'
    """
    name, counts = (
        f"**{TRAITS[likeness.trait]}**",
        (formatting.count(likeness.ai), formatting.count(likeness.people)),
    )
    if likeness.unlike_ratio is None:
        return f"{name} · :gray[not known: the AI agent has {counts[0]}, people have {counts[1]}]"
    words = [f"n {counts[0]} and {counts[1]}"]
    if likeness.most_different is not None:
        shares = (formatting.rate(each) for each in (likeness.ai_ratio, likeness.people_ratio))
        value = formatting.markdown(likeness.most_different, formatting.LONGEST_NAME)
        words.insert(0, "most for {}: {} of the AI agent, {} of people".format(value, *shares))
    return f"{name} · {formatting.rate(likeness.unlike_ratio, 0)} apart :gray[· {' · '.join(words)}]"


def difference_words(row: SideBySide) -> str:
    """How the AI compares with people, as plain text: change, verdict, range, and why it may be chance."""
    delta, verdict = row.difference, difference_verdict(row)
    if delta is None:
        return f"{verdict.capitalize()}: one of them has no value"
    if delta.verdict == "unchanged":
        return f"AI against people: {verdict}"
    said = (
        f"AI against people: {changes.change_text(delta)}",
        verdict,
        changes.range_text(delta),
        delta.reason,
    )
    return ", ".join(part for part in said if part)


def difference_verdict(row: SideBySide) -> str:
    """The verdict on the difference as a word, as on the page so in files: nothing changed, so it speaks of a difference."""
    verdict = "not_comparable" if row.difference is None else row.difference.verdict
    words: dict[Verdict, str] = {"within_noise": "no clear difference", "unchanged": "no difference"}
    return words.get(verdict) or changes.verdict_text(verdict, row.metric.kind)


def table(rows: Sequence[SideBySide], *, is_compared: bool) -> pd.DataFrame:
    """The table for a file: one row per number and side, with the columns of `kpi_file.table`.

    How the AI compares with people is in the AI's row: `ai_against_people` with its 95 % interval, unit, verdict and reason.
    """
    both = [(side, row) for row in rows for side in SIDES]
    frame = kpi_file.table((row.of(side) for side, row in both), is_compared=is_compared)
    frame.insert(1, "side", [NAMES[side] for side, _ in both])
    against = [_against_people(row if side == "ai" else None) for side, row in both]
    return frame.join(pd.DataFrame(against, dtype="object"))


def likeness_table(traits: Sequence[Likeness]) -> pd.DataFrame:
    """The traits for a file, one per row; the value that differs most is untrusted text."""
    return pd.DataFrame(
        {
            "trait": TRAITS[each.trait],
            "ai_count": each.ai,
            "people_count": each.people,
            "apart_ratio": each.unlike_ratio,
            "is_unlike": each.is_unlike,
            "most_different": each.most_different,
            "most_different_ai_ratio": each.ai_ratio,
            "most_different_people_ratio": each.people_ratio,
        }
        for each in traits
    )


def _row(row: SideBySide) -> str:
    cells = "".join(f"<td>{_cell(kpi)}</td>" for kpi in (row.ai, row.people))
    verdict, colours = row.difference and row.difference.verdict, palette()
    colour = {"better": colours.better, "worse": colours.worse}.get(verdict or "", colours.muted)
    return (
        f'<tr><th scope="row">{escape(row.metric.title)}</th>{cells}</tr>'
        f'<tr class="difference"><td></td><td colspan="2" style="color:{colour}">{escape(difference_words(row))}</td></tr>'
    )


def _cell(kpi: Kpi) -> str:
    """Value, n, and the change against the period before as HTML."""
    value = formatting.value_of(kpi.metric.kind, kpi.value)
    said = [explain.counted(kpi)] if kpi.value is not None else [kpi.metric.nothing]
    if kpi.delta.change is not None:
        word = changes.verdict_text(kpi.delta.verdict, kpi.metric.kind)
        said.append(f"was {formatting.value_of(kpi.metric.kind, kpi.previous_value)}")
        said.append(f"{changes.change_text(kpi.delta)} {word}")
    words = " ".join(f"<span>{escape(each)}</span>" for each in said)
    return f"<b>{escape(value)}</b> <small>{words}</small>"


def _facts(rows: Sequence[SideBySide]) -> list[tuple[str, str]]:
    """The 95 % intervals of both sides."""
    return [(f"{row.metric.title}, {NAMES[side]}", _interval(row.of(side))) for row in rows for side in SIDES]


def _interval(kpi: Kpi) -> str:
    if kpi.current.interval is None:
        return "no interval: too few values"
    ends = (
        formatting.value_of(kpi.metric.kind, end)
        for end in (kpi.current.interval.low, kpi.current.interval.high)
    )
    return "95 % interval {} to {}".format(*ends)


def _against_people(row: SideBySide | None) -> dict[str, object]:
    """How the AI compares with people, by column; the values are None in the row of people."""
    delta = None if row is None else row.difference
    return {
        **kpi_file.change_cells(delta, "ai_against_people"),
        "ai_against_people_verdict": row and difference_verdict(row),
        "ai_against_people_reason": delta and delta.reason,
    }


def alike_sentence(traits: Sequence[Likeness]) -> str:
    """What is known of two groups without a difference that is clear: where they are close, and where too few were seen to tell.

    >>> alike_sentence([Likeness("channel", 40, 60, 0.02), Likeness("priority", 3, 2, 0.5)])
    'Less than 10 % apart by channel. Too few conversations to tell by priority: what they differ by may be chance.'
    >>> alike_sentence([Likeness("channel", 0, 4)])
    'Whether the two groups are alike is not known: one of them has no conversations.'
    """
    known = [each for each in traits if each.unlike_ratio is not None]
    if not known:
        return "Whether the two groups are alike is not known: one of them has no conversations."
    near = [_short(each) for each in known if (each.unlike_ratio or 0) < UNLIKE_RATIO]
    far = [_short(each) for each in known if (each.unlike_ratio or 0) >= UNLIKE_RATIO]
    said = [f"Less than {formatting.rate(UNLIKE_RATIO, 0)} apart by {', '.join(near)}."] if near else []
    if far:
        said.append(f"Too few conversations to tell by {', '.join(far)}: what they differ by may be chance.")
    return " ".join(said)


def _short(likeness: Likeness) -> str:
    return TRAITS[likeness.trait].split(",")[0].lower()
