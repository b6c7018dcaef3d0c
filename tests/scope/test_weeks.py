"""Weeks: their days, and the day that they begin with."""

from datetime import date, timedelta

import pytest

from analytics.scope.weeks import FIRST_WEEKDAYS, WeekStart, week_of, weekdays


@pytest.mark.parametrize("week_start", FIRST_WEEKDAYS)
def test_a_day_lies_in_the_seven_days_of_its_week(week_start: WeekStart) -> None:
    """The first of them is the chosen weekday, and the others follow in the order of `weekdays`."""
    for offset in range(400):
        day = date(2026, 1, 1) + timedelta(days=offset)
        first = week_of(day, week_start)
        days = [first + timedelta(days=number) for number in range(7)]
        assert f"{first:%A}".lower() == week_start
        assert day in days
        assert tuple(each.isoweekday() for each in days) == weekdays(week_start)
