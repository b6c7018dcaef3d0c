"""The goals of the demo's websites."""

from analytics.kpis.goals.definitions import Goal
from analytics.local.demo.content.customers.goals import goal_values
from analytics.local.demo.content.customers.organizations import identity
from tests.local.demo.reading import ANCHOR


def test_every_website_has_both_goals_and_one_was_changed() -> None:
    """Each row is a goal; versions of a goal begin one after the other, before the anchor."""
    made = identity(1, ANCHOR)
    rows = goal_values(made, ANCHOR)
    assert {(row[0], row[1]) for row in rows} == {
        (website, measure) for website in made.websites.values() for measure in ("response", "resolution")
    }
    for website in made.websites.values():
        response = [row for row in rows if row[:2] == (website, "response")]
        assert [row[2] for row in response] == [1, 2]
        assert response[0][5] < response[1][5] < ANCHOR
    assert all(Goal(row[3], row[4]) for row in rows)
