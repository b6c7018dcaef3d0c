"""The store: versions of goals, two people who save at once, errors in words, what its role may do."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from analytics.errors import ConfigError, Conflict, SchemaMismatch, SourceRejected, SourceUnavailable
from analytics.kpis.ai_and_people.time_saved import Minutes
from analytics.kpis.goals.definitions import ALWAYS, Goal
from analytics.settings import load_settings
from analytics.store.models import TABLES, Base
from analytics.store.store import Store
from analytics.telemetry import NUMBERS
from tests.conftest import LocalStack

FIVE, TEN = Goal(90.0, 300), Goal(99.5, 600)
SOURCES = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@127.0.0.1/inbox",
}


@pytest.fixture
def store(local_stack: LocalStack) -> Iterator[Store]:
    """The local stack's store."""
    with Store(local_stack.store_url) as client:
        yield client


@pytest.fixture
def website() -> str:
    """A website that no other test knows."""
    return f"w-{uuid4().hex}"


def test_a_website_without_goals_has_an_empty_history(store: Store, website: str) -> None:
    """In the order that was asked for."""
    answer = store.goals([website, "another"])
    assert [(each.website_id, each.versions) for each in answer.value] == [(website, ()), ("another", ())]
    assert store.goals([]).value == ()


def test_every_version_stays(store: Store, website: str) -> None:
    """Set, changed, removed: each valid from when it was saved, by the store's clock; other websites have none of them."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    store.add_goal(website, "response", 1, TEN, "ann@example.com")
    store.add_goal(website, "response", 2, FIVE, "bob@example.com")
    store.add_goal(website, "response", 3, None, "ann@example.com")
    store.add_goal(website, "resolution", 1, Goal(80.0, 14_400), "ann@example.com", is_from_start=True)
    (found,) = store.goals([website]).value
    assert [(each.version, each.goal, each.set_by) for each in found.of("response")] == [
        (1, TEN, "ann@example.com"),
        (2, FIVE, "bob@example.com"),
        (3, None, "ann@example.com"),
    ]
    starts = [each.valid_from for each in found.of("response")]
    assert began < starts[0] < starts[1] < starts[2] < datetime.now(UTC) + timedelta(minutes=1)
    (resolution,) = found.of("resolution")
    assert resolution.valid_from == ALWAYS
    assert resolution.set_at > began


def test_a_website_is_forgotten_and_others_are_not(store: Store, website: str) -> None:
    """In every table that has rows of websites; again it does no harm."""
    other = f"{website}-other"
    for each in (website, other):
        store.add_goal(each, "response", 1, TEN, "ann@example.com")
        store.add_goal(each, "response", 2, None, "ann@example.com")
        store.add_minutes(each, 1, Minutes(3.0, 10.0), "ann@example.com")
    assert {table.name for table in TABLES} == {table.name for table in Base.metadata.sorted_tables}
    assert store.held(website) == {"goal": 2, "minutes_per_conversation": 1}
    assert {store.rows_by_website()[each] for each in (website, other)} == {3}
    for _ in range(2):
        store.forget(website)
        assert store.held(website) == {"goal": 0, "minutes_per_conversation": 0}
    assert store.held(other) == {"goal": 2, "minutes_per_conversation": 1}
    assert website not in store.rows_by_website()


def test_reads_and_writes_are_counted(store: Store, website: str) -> None:
    """By name and outcome: also a store that is away. That another person saved first is no failure."""
    NUMBERS.clear()
    store.add_goal(website, "response", 1, TEN, "ann@example.com")
    with pytest.raises(Conflict):
        store.add_goal(website, "response", 1, FIVE, "bob@example.com")
    store.goals([website])
    with Store("postgresql://a@127.0.0.1:1/b") as away, pytest.raises(SourceUnavailable):
        away.minutes(website)
    counts = {
        (name, outcome): float(count)
        for name, outcome, count in re.findall(
            r'source_seconds_count{source="store",name="(\w+)",outcome="(\w+)"} (\d+)', NUMBERS.text({})
        )
    }
    assert counts == {("add_goal", "ok"): 2, ("goals", "ok"): 1, ("minutes", "unavailable"): 1}


def test_the_second_of_two_who_save_at_once_is_refused(store: Store, website: str) -> None:
    """Both saw version 1; the first one's change stays as it is."""
    store.add_goal(website, "response", 1, TEN, "ann@example.com")
    store.add_goal(website, "response", 2, FIVE, "ann@example.com")
    with pytest.raises(Conflict, match="at the same time"):
        store.add_goal(website, "response", 2, TEN, "bob@example.com")
    (found,) = store.goals([website]).value
    assert [(each.version, each.goal) for each in found.versions] == [(1, TEN), (2, FIVE)]


def test_a_later_goal_never_judges_the_past(store: Store, website: str) -> None:
    """Only a first one may."""
    with pytest.raises(ValueError, match="first goal"):
        store.add_goal(website, "response", 2, FIVE, "ann@example.com", is_from_start=True)


@pytest.mark.parametrize(
    "values", ["0, 300", "100.1, 300", "90, 0", "NULL, 300", "90, NULL"], ids=lambda values: values
)
def test_the_tables_refuse_what_no_goal_is(local_stack: LocalStack, values: str) -> None:
    """Whatever program writes."""
    insert = f"INSERT INTO inbox_analytics.goal VALUES ('w', 'response', 1, {values}, now(), now(), 'ann')"
    with psycopg.connect(local_stack.store_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert)


def test_its_role_reads_and_writes_nothing_of_the_product(local_stack: LocalStack) -> None:
    """Its own schema is all that it has."""
    for statement in (
        "SELECT 1 FROM website",
        "DELETE FROM conversation",
        "CREATE TABLE public.mine (id int)",
    ):
        with (
            psycopg.connect(local_stack.store_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_the_dashboards_reader_cannot_write_goals(local_stack: LocalStack) -> None:
    """Nor read them: the two roles are apart."""
    with (
        psycopg.connect(local_stack.database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT 1 FROM inbox_analytics.goal")


def test_it_answers_and_is_of_this_version(store: Store) -> None:
    """What doctor and readiness ask."""
    store.check()


def test_a_store_that_is_not_migrated_says_what_to_run(local_stack: LocalStack) -> None:
    """Reads, writes and the check."""
    with Store(local_stack.store_url, "no_such_schema") as store:
        for call in (
            store.check,
            lambda: store.goals(["w"]),
            lambda: store.add_goal("w", "response", 1, FIVE, "ann@example.com"),
        ):
            with pytest.raises(SchemaMismatch, match="inbox-analytics store migrate") as raised:
                call()
            assert raised.value.source == "store"


def test_a_role_that_may_not_is_told_apart(local_stack: LocalStack) -> None:
    """The dashboard's reading role."""
    with (
        Store(local_stack.database_url) as store,
        pytest.raises(SourceRejected, match="read and write its schema"),
    ):
        store.goals(["w"])


def test_a_store_that_is_away_is_named_without_its_address(local_stack: LocalStack) -> None:
    """No host, no password."""
    url = "postgresql://writer:hunter2@127.0.0.1:1/inbox"
    with Store(url) as store, pytest.raises(SourceUnavailable) as raised:
        store.goals(["w"])
    assert "INBOX_ANALYTICS_STORE_URL" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


def test_there_is_a_store_where_one_is_set() -> None:
    """None without the variable; an address that cannot be read is refused."""
    assert Store.from_settings(load_settings(SOURCES)) is None
    made = Store.from_settings(
        load_settings({**SOURCES, "INBOX_ANALYTICS_STORE_URL": "postgresql://w@127.0.0.1/s"})
    )
    assert made is not None
    made.close()
    with pytest.raises(ConfigError, match="INBOX_ANALYTICS_STORE_URL"):
        Store("postgresql://w@127.0.0.1/s?no_such_option=1")


def test_minutes_have_versions_and_the_newest_counts(store: Store, website: str) -> None:
    """None before; two people who save at once conflict; another website has none of it."""
    assert store.minutes(website).value is None
    store.add_minutes(website, 1, Minutes(3, 10), "ann@example.com")
    store.add_minutes(website, 2, Minutes(2.5, 480), "bob@example.com")
    with pytest.raises(Conflict, match="at the same time"):
        store.add_minutes(website, 2, Minutes(1, 1), "ann@example.com")
    found = store.minutes(website).value
    assert found is not None
    assert (found.version, found.minutes, found.set_by) == (2, Minutes(2.5, 480), "bob@example.com")
    assert store.minutes(f"{website}-other").value is None
