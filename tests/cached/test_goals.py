"""Goals as pages get them: results of both periods, who may change them, conflicts, audit lines, a store that is away."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta

import pytest

from analytics import cached
from analytics.cached import View
from analytics.cached.reading import reads as shared
from analytics.errors import AccessDenied, ConfigError, Conflict, SourceUnavailable
from analytics.kpis.goals.definitions import Goal
from analytics.scope.identity import Identity
from analytics.store.store import Store
from tests.cached.conftest import Reads
from tests.product_database import Product

pytestmark = pytest.mark.usefixtures("with_store")

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIVE, TEN = Goal(90.0, 300), Goal(95.0, 600)


def as_role(product: Product, view: View, role: str) -> View:
    """The view of the same member, whose role in the organization is another one now."""
    product.connection.execute(
        "UPDATE member SET role = %s WHERE organization_id = %s", (role, product.organization_id)
    )
    return view


def save(view: View, goal: Goal | None, *, is_from_start: bool = False) -> None:
    """Saves a response goal as a person does who has seen the newest one."""
    opened = cached.open_view(view)
    newest = cached.goal_history(opened).value.newest("response")
    cached.save_goal(opened, "response", goal, newest, view.now, is_from_start=is_from_start)


def test_both_periods_are_judged(product: Product, view: View) -> None:
    """By the goal of their time: what was saved just now judges none of them. One whose time is not over is open."""
    as_role(product, view, "owner")
    resolved = cached.open_view(view).resolved
    for seconds in (60, 120, 900):
        product.add_conversation(
            resolved.period.start, first_response_at=resolved.period.start + timedelta(seconds=seconds)
        )
    before = resolved.period.start - DAY
    product.add_conversation(before, first_response_at=before + MINUTE)
    product.add_conversation(before)
    lately = resolved.period.end - timedelta(hours=1)
    product.add_conversation(lately, first_response_at=lately + MINUTE)
    save(view, Goal(90.0, 86_400), is_from_start=True)
    save(view, FIVE)
    reading = cached.goal_results(cached.open_view(view))
    assert reading.value.current["response"].goal.limit_seconds == 86_400
    assert (reading.value.current["response"].met, reading.value.current["response"].open) == (3, 1)
    assert reading.value.previous is not None
    assert (reading.value.previous["response"].met, reading.value.previous["response"].missed) == (1, 1)
    assert reading.value.previous["response"].open == 0
    assert [query.name for query in reading.queries] == ["goal_counts", "goal_counts"]
    assert "resolution" not in reading.value.current


def test_every_website_of_a_viewer_is_judged_by_its_own_goal(
    reads: Reads,
    product: Product,
    view: View,
) -> None:
    """One query for all of a plan; the numbers are those of each website alone, and none of a website of others."""
    as_role(product, view, "owner")
    second, at = product.add_website(f"second-{product.key}"), view.now - DAY
    product.add_website(f"third-{product.key}")
    for website, seconds in ((product.website_id, 60), (second, 60), (second, 900)):
        answered = at + timedelta(seconds=seconds)
        product.update(
            "conversation", product.add_conversation(at, first_response_at=answered), website_id=website
        )
    for website in (product.website_id, second):
        opened = cached.open_view(replace(view, website_id=website))
        cached.save_goal(opened, "response", FIVE, None, view.now, is_from_start=True)
    cached.clear()
    opened = cached.open_view(view)
    found = cached.website_goal_results(opened).value
    assert reads["goal_counts"] == 1
    assert {
        website: {measure: (each.met, each.missed) for measure, each in of_website.items()}
        for website, of_website in found.items()
    } == {
        product.website_id: {"response": (1, 0)},
        second: {"response": (1, 1)},
        f"third-{product.key}": {},
    }
    alone = cached.goal_results(opened).value.current["response"]
    assert alone == found[product.website_id]["response"]


def test_without_a_goal_postgres_is_not_asked(reads: Reads, view: View) -> None:
    """And there is no result."""
    assert cached.goal_results(cached.open_view(view)).value.current == {}
    assert reads["goal_counts"] == 0


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", True), ("member", False)])
def test_owners_and_admins_may_edit(product: Product, view: View, role: str, *, may: bool) -> None:
    """Others are refused, and nothing is saved."""
    opened = cached.open_view(as_role(product, view, role))
    assert cached.may_edit_goals(opened, view.now) is may
    if may:
        cached.save_goal(opened, "response", FIVE, None, view.now)
    else:
        with pytest.raises(AccessDenied, match="owners and admins"):
            cached.save_goal(opened, "response", FIVE, None, view.now)
    assert cached.goal_history(opened).value.current("response") == (FIVE if may else None)


def test_staff_may_edit_every_website(product: Product, view: View) -> None:
    """Although they are no member."""
    email = f"staff.{product.key}@example.com"
    product.add_user(email, is_member=False, role="admin")
    staff = replace(view, viewer=cached.viewer_for(Identity(email, None), view.now))
    assert cached.may_edit_goals(cached.open_view(staff), view.now)
    cached.save_goal(cached.open_view(staff), "response", FIVE, None, view.now)


def test_a_forged_staff_flag_changes_no_goal(product: Product, view: View) -> None:
    """Staff is looked up for each change, and a role that was taken away ends at once, whatever is cached."""
    forged = replace(view, viewer=replace(view.viewer, is_staff=True))
    with pytest.raises(AccessDenied):
        cached.save_goal(cached.open_view(forged), "response", FIVE, None, view.now)
    opened = cached.open_view(as_role(product, view, "owner"))
    assert cached.may_edit_goals(opened, view.now)
    as_role(product, view, "member")
    with pytest.raises(AccessDenied):
        cached.save_goal(opened, "response", FIVE, None, view.now)


def test_who_is_no_member_any_more_neither_reads_nor_changes(product: Product, view: View) -> None:
    """Access to the website is checked first, whatever was opened before."""
    opened = cached.open_view(as_role(product, view, "owner"))
    product.connection.execute("DELETE FROM member WHERE organization_id = %s", (product.organization_id,))
    cached.clear()
    for call in (
        lambda: cached.goal_history(opened),
        lambda: cached.goal_results(opened),
        lambda: cached.may_edit_goals(opened, view.now),
        lambda: cached.save_goal(opened, "response", FIVE, None, view.now),
    ):
        with pytest.raises(AccessDenied):
            call()


def test_the_second_to_save_sees_the_firsts_change(product: Product, view: View) -> None:
    """Nothing of the second is saved; having seen the change, they can save."""
    opened = cached.open_view(as_role(product, view, "owner"))
    save(view, TEN)
    seen = cached.goal_history(opened).value.newest("response")
    save(view, FIVE)
    with pytest.raises(Conflict, match="Another person"):
        cached.save_goal(opened, "response", None, seen, view.now)
    newest = cached.goal_history(opened).value.newest("response")
    assert newest is not None
    assert newest.goal == FIVE
    cached.save_goal(opened, "response", None, newest, view.now)
    assert cached.goal_history(opened).value.current("response") is None


def test_a_goal_saved_as_it_was_judges_on(product: Product, view: View) -> None:
    """No new version: that would begin to judge anew."""
    as_role(product, view, "owner")
    save(view, TEN)
    save(view, TEN)
    (version,) = cached.goal_history(cached.open_view(view)).value.versions
    assert version.version == 1


def test_every_change_is_audited_with_before_and_after(product: Product, view: View) -> None:
    """Set, changed, conflicting, refused: one line each, with who and which website."""
    as_role(product, view, "owner")
    out = io.StringIO()
    with redirect_stdout(out):
        save(view, TEN)
        save(view, FIVE)
        with pytest.raises(Conflict):
            cached.save_goal(cached.open_view(view), "response", TEN, None, view.now)
        as_role(product, view, "member")
        with pytest.raises(AccessDenied):
            cached.save_goal(cached.open_view(view), "resolution", None, None, view.now)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["outcome"], each["before"], each["after"]) for each in found] == [
        ("done", "response: no goal", "response: 95 % within 600 s"),
        ("done", "response: 95 % within 600 s", "response: 90 % within 300 s"),
        ("failed", "response: 90 % within 300 s", "response: 95 % within 600 s"),
        ("refused", None, "resolution: no goal"),
    ]
    assert {(each["audit"], each["who"], each["website"]) for each in found} == {
        ("goal", view.viewer.email, product.website_id)
    }


def test_without_a_store_it_says_what_to_set(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else works."""
    monkeypatch.delenv("INBOX_ANALYTICS_STORE_URL")
    opened = cached.open_view(view)
    assert not cached.has_store()
    for read in (cached.goal_history, cached.goal_results):
        with pytest.raises(ConfigError, match="INBOX_ANALYTICS_STORE_URL"):
            read(opened)
    assert cached.kpis(opened).value.kpis


def test_a_store_that_is_away_stops_goals_alone(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last good goals stay, marked stale; the product's Postgres is asked as ever."""
    opened = cached.open_view(view)
    assert not cached.goal_history(opened).is_stale

    def away(*_arguments: object) -> None:
        raise SourceUnavailable("The dashboard's store cannot be reached.", source="store", resource="goals")

    monkeypatch.setattr(Store, "goals", away)
    shared.expire()
    assert cached.goal_history(opened).is_stale
    assert cached.goal_results(opened).is_stale
    assert not cached.still_waiting(opened).is_stale
    cached.clear()
    with pytest.raises(SourceUnavailable):
        cached.goal_results(opened)
    assert not cached.still_waiting(opened).is_stale
