"""The goals of the demo's websites, with one change of a goal. Pure."""

from analytics.local.demo.content.customers.organizations import DAY, ORGANIZATIONS, Identity

GoalValues = tuple[str, str, int, float, int, int, str]
"""Values of one row of the store's `goal`: website id, measure, version, share in percent, seconds, since (UTC seconds), who."""


def goal_values(identity: Identity, anchor: int) -> list[GoalValues]:
    """The rows of all websites; each was given a stricter response goal 12 days before the anchor."""
    rows: list[GoalValues] = []
    for organization in ORGANIZATIONS:
        editor = organization.people[0].email
        for website in organization.websites:
            key = identity.websites[website.slug]
            rows += [
                (key, "response", 1, 80.0, 15 * 60, anchor - 80 * DAY, editor),
                (key, "response", 2, 90.0, 5 * 60, anchor - 12 * DAY, editor),
                (key, "resolution", 1, 80.0, 4 * 3600, anchor - 80 * DAY, editor),
            ]
    return rows
