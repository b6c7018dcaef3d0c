"""Whether the two sides handled the same kind of conversations: small and unsure differences are no warning."""

import random

import pandas as pd
import pytest

from analytics.kpis.ai_and_people.likeness import Likeness, differs, likeness
from analytics.schemas import TRAITS_BY_SIDE

NAMES = [column.name for column in TRAITS_BY_SIDE.columns]


def traits(*given: tuple[str, str, int, int]) -> pd.DataFrame:
    """Rows as Postgres gives them."""
    return TRAITS_BY_SIDE.frame(NAMES, [dict(zip(NAMES, row, strict=True)) for row in given])


def test_a_clear_difference_is_named_with_the_value_that_differs_most() -> None:
    """Of 100 and 50: 10 % against 60 % e-mail; half of one side would have to come another way."""
    topic, channel, priority = likeness(
        traits(("channel", "widget", 90, 20), ("channel", "email", 10, 30), ("priority", "normal", 100, 50))
    )
    assert channel == Likeness("channel", 100, 50, 0.5, True, "widget", 0.9, 0.4)
    assert priority == Likeness("priority", 100, 50, 0.0)
    assert topic == Likeness("topic", 0, 0)


def test_a_side_without_conversations_is_not_known() -> None:
    """Neither alike nor unlike."""
    (topic, *_) = likeness(traits(("topic", "delivery", 0, 7)))
    assert topic == Likeness("topic", 0, 7)


def test_a_small_difference_is_no_warning_however_sure() -> None:
    """Five points of a hundred thousand."""
    (_, channel, _) = likeness(
        traits(("channel", "widget", 50_000, 45_000), ("channel", "email", 50_000, 55_000))
    )
    assert channel.unlike_ratio == pytest.approx(0.05)
    assert differs([50_000, 50_000], [45_000, 55_000])
    assert not channel.is_unlike


def test_a_large_difference_of_few_is_no_warning() -> None:
    """Two of four against one of four may be chance."""
    (topic, *_) = likeness(traits(("topic", "delivery", 2, 1), ("topic", "returns", 2, 3)))
    assert topic.unlike_ratio == pytest.approx(0.25)
    assert not topic.is_unlike


@pytest.mark.parametrize(
    ("ai", "people", "expected"),
    [
        pytest.param([50, 50], [36, 64], True, id="past the 95 % point: 3.998"),
        pytest.param([50, 50], [37, 63], False, id="below it: 3.44"),
        pytest.param([90, 5, 5], [90, 5, 5], False, id="the same"),
        pytest.param([100, *[1] * 20], [50, *[3] * 20], True, id="rare values count together"),
        pytest.param([100, 1], [100, 2], False, id="too few are left to tell"),
        pytest.param([1, 2], [200, 300], False, id="one side is too small"),
    ],
)
def test_the_test_is_a_chi_square_test_at_5_percent(
    ai: list[int], people: list[int], *, expected: bool
) -> None:
    """One degree of freedom: 3.84."""
    assert differs(ai, people) is expected


def test_the_test_is_wrong_in_one_of_twenty() -> None:
    """Without a true difference between two groups of 100, of five values each: 3 to 7 % of 2,000 draws are called one."""
    dice = random.Random(7)  # noqa: S311 - test data, no secret
    called = 0
    for _ in range(2_000):
        sides = [[0] * 5 for _ in range(2)]
        for side in sides:
            for _ in range(100):
                side[dice.choices(range(5), (40, 25, 15, 12, 8))[0]] += 1
        called += differs(*sides)
    assert 60 <= called <= 140
