"""Whether the conversations of the AI and of people are alike, by topic, channel and priority. Pure.

If they are not, a difference between the two sides may come from what they had to handle.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal, get_args

import pandas as pd

Trait = Literal["topic", "channel", "priority"]

UNLIKE_RATIO: Final = 0.1
"""A difference of the two mixes below this is never warned of, however sure it is."""

FEWEST_EXPECTED: Final = 5.0
"""Values with fewer expected conversations of one side are taken together, as the chi-square test needs."""

_Z_95_ONE_SIDED: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Likeness:
    """The two sides by one trait.

    Attributes:
        trait: The trait.
        ai: Number of conversations, or ratings, of the AI with that trait.
        people: The same for people.
        unlike_ratio: Share of one side, 0..1, that would need another value for both mixes to be the same; None when one side
            has none.
        is_unlike: True when the difference is `UNLIKE_RATIO` or more and unlikely to be chance.
        most_different: The value whose shares differ most, untrusted text; None where the mixes are the same or not known.
        ai_ratio: Its share of the AI's; None without it.
        people_ratio: Its share of people's; None without it.
    """

    trait: Trait
    ai: int
    people: int
    unlike_ratio: float | None = None
    is_unlike: bool = False
    most_different: str | None = None
    ai_ratio: float | None = None
    people_ratio: float | None = None


def likeness(rows: pd.DataFrame) -> tuple[Likeness, ...]:
    """Compare the two sides by topic, channel and priority, from rows as in `schemas.TRAITS_BY_SIDE`."""
    return tuple(_likeness(trait, rows[rows["trait"] == trait]) for trait in get_args(Trait))


def differs(ai: list[int], people: list[int]) -> bool:
    """True when two mixes differ by more than chance: a chi-square test at 5 %.

    Values with few conversations are taken together first, and joined to the last other value if they are still few. The 95 % point is that of Wilson and Hilferty.

    Args:
        ai: Conversations of one side by value; at least one in all.
        people: The same values of the other side; at least one in all.

    >>> differs([50, 50], [30, 70]), differs([50, 50], [45, 55]), differs([3, 0], [0, 3])
    (True, False, False)
    """
    n_ai, n = sum(ai), sum(ai) + sum(people)
    expected, smaller = n_ai / n, min(n_ai, n - n_ai) / n
    pairs, rest = [], (0, 0)
    for one, other in zip(ai, people, strict=True):
        if (one + other) * smaller < FEWEST_EXPECTED:
            rest = rest[0] + one, rest[1] + other
        else:
            pairs.append((one, other))
    if not pairs or sum(rest) * smaller >= FEWEST_EXPECTED:
        pairs.append(rest)
    else:
        pairs[-1] = pairs[-1][0] + rest[0], pairs[-1][1] + rest[1]
    if len(pairs) < 2:
        return False
    squares = sum(
        (one - (one + other) * expected) ** 2 / ((one + other) * expected * (1 - expected))
        for one, other in pairs
    )
    freedom = len(pairs) - 1
    spread = 2 / (9 * freedom)
    return bool(squares > freedom * (1 - spread + _Z_95_ONE_SIDED * sqrt(spread)) ** 3)


def _likeness(trait: Trait, rows: pd.DataFrame) -> Likeness:
    ai, people = ([int(n) for n in rows[f"{side}_count"]] for side in ("ai", "people"))
    n_ai, n_people = sum(ai), sum(people)
    if not n_ai or not n_people:
        return Likeness(trait, n_ai, n_people)
    shares = [(one / n_ai, other / n_people) for one, other in zip(ai, people, strict=True)]
    gaps = [abs(one - other) for one, other in shares]
    unlike, widest = sum(gaps) / 2, gaps.index(max(gaps))
    if not gaps[widest]:
        return Likeness(trait, n_ai, n_people, unlike)
    return Likeness(
        trait,
        n_ai,
        n_people,
        unlike,
        unlike >= UNLIKE_RATIO and differs(ai, people),
        str(rows["value"].iloc[widest]),
        *shares[widest],
    )
