"""Time saved as pages get it: the minutes of a website, who may change them, conflicts, audit lines, no store."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace

import pytest

from analytics import cached
from analytics.cached import Minutes, View
from analytics.cached.reading import reads as shared
from analytics.errors import AccessDenied, Conflict, SourceUnavailable
from analytics.kpis.ai_and_people.time_saved import ASSUMED
from analytics.store.store import Store
from tests.cached.test_goals import as_role
from tests.product_database import Product

pytestmark = pytest.mark.usefixtures("with_store")


def test_the_minutes_that_were_set_are_used(product: Product, view: View) -> None:
    """Assumed ones before; of another website still."""
    as_role(product, view, "admin")
    other = replace(view, website_id=product.add_website(f"other-{product.key}"))
    opened = cached.open_view(view)
    assert cached.time_saved(opened).value.minutes == ASSUMED
    cached.save_minutes(opened, Minutes(2, 4), None, view.now)
    assert cached.time_saved(opened).value.minutes == Minutes(2, 4)
    assert cached.time_saved(cached.open_view(other)).value.minutes == ASSUMED


def test_every_change_of_minutes_is_audited_and_the_second_to_save_sees_the_first(
    product: Product,
    view: View,
) -> None:
    """Set, conflicting, refused: a line each; nothing is overwritten unseen."""
    as_role(product, view, "owner")
    opened, out = cached.open_view(view), io.StringIO()
    with redirect_stdout(out):
        cached.save_minutes(opened, Minutes(2, 4), None, view.now)
        with pytest.raises(Conflict, match="Another person"):
            cached.save_minutes(opened, Minutes(1, 1), None, view.now)
        as_role(product, view, "member")
        with pytest.raises(AccessDenied, match="owners and admins"):
            cached.save_minutes(opened, Minutes(1, 1), None, view.now)
    newest = cached.minutes_per_conversation(opened).value
    assert newest is not None
    assert newest.minutes == Minutes(2, 4)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["audit"], each["outcome"], each["before"], each["after"]) for each in found] == [
        ("minutes", "done", "not set", "2 to 4 minutes per conversation"),
        ("minutes", "failed", "2 to 4 minutes per conversation", "1 to 1 minutes per conversation"),
        ("minutes", "refused", None, "1 to 1 minutes per conversation"),
    ]
    assert {(each["who"], each["website"]) for each in found} == {(view.viewer.email, product.website_id)}


def test_without_a_store_minutes_are_assumed(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """The range is there all the same."""
    monkeypatch.delenv("INBOX_ANALYTICS_STORE_URL")
    assert cached.time_saved(cached.open_view(view)).value.minutes == ASSUMED


def test_a_store_that_is_away_leaves_the_last_minutes_marked_stale(
    product: Product,
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An assumption never takes the place of what was set."""
    as_role(product, view, "owner")
    opened = cached.open_view(view)
    cached.save_minutes(opened, Minutes(2, 4), None, view.now)
    cached.time_saved(opened)

    def away(*_arguments: object) -> None:
        raise SourceUnavailable(
            "The dashboard's store cannot be reached.", source="store", resource="minutes"
        )

    monkeypatch.setattr(Store, "minutes", away)
    shared.expire()
    reading = cached.time_saved(opened)
    assert (reading.is_stale, reading.value.minutes) == (True, Minutes(2, 4))
    cached.clear()
    with pytest.raises(SourceUnavailable):
        cached.time_saved(opened)
