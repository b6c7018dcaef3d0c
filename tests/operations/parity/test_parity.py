"""Parity on the local stack: what is the same is said to be, and what is not has the cause that was put there."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics import sources
from analytics.ingest.history.reader import HistoryWebsite
from analytics.operations.parity import discrepancies
from analytics.operations.parity import parity as module
from analytics.operations.parity.parity import Report, parity
from analytics.operations.parity.tolerance import Compared
from analytics.scope.clock import parse_timezone
from analytics.scope.periods import Period, Range, resolve
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.ingest.history_stack import History
from tests.product_database import Product

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
RANGE = "7d"

Send = Callable[[str, list[dict[str, Any]]], dict[str, Any]]


@pytest.fixture
def history(local_stack: LocalStack, product: Product, tmp_path: Path) -> History:
    """Twenty conversations in the last days and a few before, all of them in Tinybird too."""
    for number in range(20):
        at = NOW - 5 * DAY + timedelta(hours=number)
        conversation = product.add_conversation(
            at,
            "positive" if number % 2 else "negative",
            first_response_at=at + timedelta(seconds=5 + number * 7.25),
            resolved_at=at + timedelta(minutes=5 + number) if number % 4 else None,
            resolved_by_ai_agent_id="agent" if number % 2 else None,
            escalated_at=at + timedelta(minutes=1) if number % 3 == 0 else None,
        )
        if number % 5 == 0:
            product.add_feedback(at + timedelta(hours=1), 1 + number % 4, conversation_id=conversation)
    for number in range(3):
        at = NOW - 10 * DAY + timedelta(hours=number)
        product.add_conversation(at, first_response_at=at + timedelta(seconds=9))
    made = History(local_stack, product, tmp_path / "state")
    assert made.run("backfill").returncode == 0
    return made


@pytest.fixture
def compare(history: History) -> Iterator[Callable[..., Report]]:
    """Compares both sides, for the last seven days."""
    product, stack = history.product, history.stack
    website = HistoryWebsite(product.website_id, product.website_id, product.organization_id)

    def compared(tolerance: float = 0.01) -> Report:
        now = datetime.now(UTC)
        period: Period = resolve(Range.parse(RANGE), now, parse_timezone("UTC"))
        return parity(tinybird, postgres, website, period, now, tolerance)

    with (
        Tinybird(stack.host, stack.read_token, stack.append_token) as tinybird,
        Postgres(stack.database_url) as postgres,
    ):
        yield compared


def current(report: Report) -> dict[str, Compared]:
    """The current period by KPI."""
    return {each.quantity.name: each for each in report.periods[0].compared}


def texts(compared: Compared) -> dict[str, int]:
    """Its causes with their counts."""
    return {cause.text: cause.count for cause in compared.causes}


def event(
    product: Product, event_type: str, conversation: str, at: datetime, seconds: float = 0
) -> dict[str, Any]:
    """A row of conversation_metrics."""
    return {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "website_id": product.website_id,
        "visitor_id": "v",
        "event_type": event_type,
        "conversation_id": conversation,
        "duration_seconds": seconds,
    }


def test_what_was_moved_is_the_same_to_the_last_digit(compare: Callable[..., Report]) -> None:
    """Every KPI of both periods, medians and p90 included, against numbers counted by hand."""
    report = compare()

    assert report.is_within
    assert {each.verdict for period in report.periods for each in period.compared} == {"equal", "one-sided"}
    values = {name: each.tinybird for name, each in current(report).items()}
    assert (values["started"], values["responded"], values["resolved"], values["ai_resolved"]) == (
        20,
        20,
        15,
        10,
    )
    assert (values["escalated"], values["feedback"]) == (7, 4)
    funnel = ("started_responded", "started_resolved", "started_ai_resolved")
    assert [values[name] for name in funnel] == [20, 15, 10]
    assert values["median_response_seconds"] == pytest.approx(5 + 9.5 * 7.25)
    assert values["p90_response_seconds"] == pytest.approx(5 + 17.1 * 7.25)
    assert values["rating_score"] == pytest.approx((0 + 25 + 50 + 75) / 4)
    previous = {each.quantity.name: each.tinybird for each in report.periods[1].compared}
    assert (previous["started"], previous["resolved"], previous["median_resolution_seconds"]) == (3, 0, None)


def test_ratings_in_conversations_of_test_and_deleted_visitors_count_on_neither_side(
    history: History, compare: Callable[..., Report]
) -> None:
    """Nor are they moved, although the visitor who rated is an ordinary one."""
    product, at = history.product, NOW - DAY
    for visitor in (product.add_visitor(is_test=True), product.add_visitor(deleted_at=NOW)):
        product.add_feedback(at, 5, conversation_id=product.add_conversation(at, visitor_id=visitor))
    assert history.run("backfill").returncode == 0

    for name, number in (("feedback", 4), ("rating_score", (0 + 25 + 50 + 75) / 4)):
        compared = current(compare())[name]
        assert (compared.tinybird, compared.postgres) == (number, number)


def test_nothing_on_either_side_is_equal(local_stack: LocalStack, product: Product) -> None:
    """A website without conversations has zeros and no medians, twice."""
    website = HistoryWebsite(product.website_id, product.website_id, product.organization_id)
    now = datetime.now(UTC)
    period = resolve(Range.parse(RANGE), now, parse_timezone("Asia/Kolkata"))
    with (
        Tinybird(local_stack.host, local_stack.read_token) as tinybird,
        Postgres(local_stack.database_url) as db,
    ):
        report = parity(tinybird, db, website, period, now, 0.0)
    assert report.is_within
    assert {each.verdict for each in report.periods[0].compared} == {"equal"}
    assert [period.is_empty for period in report.periods] == [True, True]


def test_a_period_without_a_second_has_no_visitor_to_expire(
    local_stack: LocalStack, product: Product
) -> None:
    """The first second of a day: nothing to compare, and not because something is too old."""
    website = HistoryWebsite(product.website_id, product.website_id, product.organization_id)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    period = resolve(Range.parse("today"), midnight, parse_timezone("UTC"))
    with (
        Tinybird(local_stack.host, local_stack.read_token) as tinybird,
        Postgres(local_stack.database_url) as db,
    ):
        report = parity(tinybird, db, website, period, midnight, 0.0)
    assert [period.is_empty for period in report.periods] == [True, True]
    assert current(report)["unique_visitors"].note == "the period has only just begun"


def test_duplicates_change_no_number(
    history: History, compare: Callable[..., Report], send_events: Send
) -> None:
    """Everything stored twice, as a product that emits beside a backfill would: counts and medians stay."""
    answer = history.events()
    send_events("conversation_metrics", answer)
    assert set(history.stored().values()) == {2}
    report = compare()
    assert {each.verdict for period in report.periods for each in period.compared} == {"equal", "one-sided"}


def test_more_than_can_be_looked_at_is_said(
    history: History, compare: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is counted as what it is: not looked at."""
    monkeypatch.setattr(discrepancies, "MOST_LOOKED_AT", 3)
    for _ in range(5):
        history.product.add_conversation(NOW - 3 * DAY)
    assert texts(current(compare())["started"]) == {
        "never sent to Tinybird": 3,
        "not looked at: past the first 3": 2,
    }


def test_rows_are_looked_at_only_where_a_number_differs(
    history: History, compare: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the tolerance no event is loaded; past the most that memory is given to, that is said instead."""
    for _ in range(5):
        history.product.add_conversation(NOW - 3 * DAY)
    asked: list[object] = []
    monkeypatch.setattr(sources, "conversation_events", lambda *of: asked.append(of))
    assert {each.verdict for each in current(compare(0.5)).values()} <= {"equal", "within", "one-sided"}
    monkeypatch.setattr(module, "MOST_SEARCHED", 50)
    started = current(compare())["started"]
    assert (started.verdict, started.causes) == ("differs", ())
    assert started.note == "no row was looked at: more than 50 events; choose a shorter range"
    assert asked == []


def test_causes_are_found_on_the_rows(
    history: History, compare: Callable[..., Report], send_events: Send
) -> None:
    """Each way in which the sides can come apart, put there on purpose, is named with its count."""
    product, at = history.product, NOW - 3 * DAY
    test_visitor = product.add_visitor(is_test=True)
    gone_visitor = product.add_visitor(deleted_at=NOW)
    elsewhere = product.add_website(f"{product.website_id}-2")
    by_test = product.add_conversation(at, visitor_id=test_visitor)
    by_gone = product.add_conversation(at, visitor_id=gone_visitor)
    deleted = [product.add_conversation(at, deleted_at=NOW) for _ in range(2)]
    moved = product.add_conversation(at, website_id=elsewhere)
    other_time = product.add_conversation(NOW - 30 * DAY)
    only_stored = [by_test, by_gone, *deleted, moved, other_time, "never-in-postgres"]
    send_events(
        "conversation_metrics", [event(product, "conversation_started", one, at) for one in only_stored]
    )
    product.add_conversation(at)
    product.add_conversation(datetime.now(UTC) - timedelta(minutes=8))

    started = current(compare())["started"]

    assert (started.tinybird, started.postgres, started.verdict) == (27, 22, "differs")
    assert texts(started) == {
        "deleted row: the conversation is soft-deleted": 2,
        "deleted row: the visitor is soft-deleted": 1,
        "deleted row: not in Postgres any more": 1,
        "test visitor": 1,
        "another website's in Postgres": 1,
        "another time in Postgres": 1,
        "never sent to Tinybird": 1,
        "late event: younger than 15 minutes and not in Tinybird yet": 1,
    }


def test_reopened_conversations_are_distinguished(
    history: History, compare: Callable[..., Report], send_events: Send
) -> None:
    """Open again, resolved again outside the period, by a person instead of the AI, and with another duration."""
    product, at = history.product, NOW - 3 * DAY
    open_again = product.add_conversation(NOW - 20 * DAY)
    outside = product.add_conversation(NOW - 20 * DAY, resolved_at=NOW - 15 * DAY)
    by_person = product.add_conversation(NOW - 20 * DAY, resolved_at=NOW - 2 * DAY, resolution_time=60)
    unlike = product.add_conversation(NOW - 20 * DAY, resolved_at=at, resolution_time=60)
    rows = [
        *(event(product, "conversation_resolved", one, at, 50) for one in (open_again, outside, by_person)),
        event(product, "ai_resolved", by_person, at, 50),
        event(product, "conversation_resolved", by_person, NOW - 2 * DAY, 60),
        event(product, "conversation_resolved", unlike, at, 90),
    ]
    send_events("conversation_metrics", rows)

    compared = current(compare(0.001))

    assert texts(compared["resolved"]) == {
        "reopened conversation: it was resolved in the period and is open now": 1,
        "reopened conversation: it was resolved again, outside the period": 1,
        "another duration is stored": 1,
    }
    assert compared["ai_resolved"].verdict == "equal"


def test_ai_credit_is_decided_as_in_the_pipes(
    history: History, compare: Callable[..., Report], send_events: Send
) -> None:
    """The last resolution of the period decides, within a minute; where Postgres knows another one, that is the cause."""
    product, at = history.product, NOW - 3 * DAY
    day, minute = DAY.total_seconds(), timedelta(minutes=1)
    reopened = product.add_conversation(at, resolved_at=at + DAY, resolution_time=day)
    not_sent = [product.add_conversation(at, resolved_at=at, resolution_time=50) for _ in range(2)]
    by_ai = product.add_conversation(
        at, resolved_at=at + DAY, resolution_time=day, resolved_by_ai_agent_id="agent"
    )
    in_time = product.add_conversation(
        at, resolved_at=at + minute, resolution_time=60, resolved_by_ai_agent_id="agent"
    )
    ids = (reopened, *not_sent, by_ai, in_time)
    rows = [
        *(event(product, "conversation_started", one, at) for one in ids),
        *(event(product, "ai_resolved", one, at, 50) for one in ids),
        *(event(product, "conversation_resolved", one, at + DAY, day) for one in (reopened, by_ai)),
        event(product, "conversation_resolved", in_time, at + minute, 60),
    ]
    send_events("conversation_metrics", rows)

    compared = current(compare(0.0))

    assert compared["resolved"].verdict == "equal"
    assert (compared["ai_resolved"].tinybird, compared["ai_resolved"].postgres) == (13, 12)
    assert texts(compared["ai_resolved"]) == {
        "reopened conversation: the AI resolved it in the period, and later a person did": 2,
        "resolved by a person after the AI in Tinybird, by the AI alone in Postgres": 1,
    }


def test_a_row_that_cannot_be_an_event_is_the_cause(history: History, compare: Callable[..., Report]) -> None:
    """An answer before the start is counted by Postgres and was never sent."""
    at = NOW - 3 * DAY
    history.product.add_conversation(at, first_response_at=at - timedelta(seconds=1))
    assert texts(current(compare())["responded"]) == {
        "no valid event can be made: it lies before the conversation's start": 1
    }


def test_visitors_are_compared_and_the_odd_ones_named(
    history: History, compare: Callable[..., Report], send_events: Send
) -> None:
    """A test visitor and one that Postgres does not have were seen by Tinybird alone."""
    product = history.product
    seen = [product.add_visitor(last_seen_at=NOW) for _ in range(3)]
    test = product.add_visitor(last_seen_at=NOW, is_test=True)
    product.add_visitor(last_seen_at=NOW - 20 * DAY)
    send_events(
        "visitor_events",
        [
            {
                "timestamp": f"{NOW - timedelta(minutes=6):%Y-%m-%d %H:%M:%S}",
                "website_id": product.website_id,
                "visitor_id": visitor,
                "event_type": "seen",
            }
            for visitor in (*seen, test, "unknown")
        ],
    )

    visitors = current(compare())["unique_visitors"]

    assert (visitors.tinybird, visitors.postgres, visitors.verdict) == (5, 3, "differs")
    assert texts(visitors) == {
        "test visitor, seen in the last 24 hours": 1,
        "seen in the last 24 hours, but not in Postgres": 1,
    }


def test_what_postgres_cannot_know_of_visitors_is_said(compare: Callable[..., Report]) -> None:
    """It keeps the newest visit alone, so the period before has one side, and that is no failure."""
    before = {each.quantity.name: each for each in compare().periods[1].compared}["unique_visitors"]
    assert (before.verdict, before.postgres) == ("one-sided", None)
    assert "newest visit" in before.note


def test_the_command_prints_both_and_ends_with_0(history: History) -> None:
    """A table for people."""
    ended = history.run("parity", "--range", RANGE, "--timezone", "Europe/Berlin")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("  median_response_seconds")][:1]
    assert line.split() == ["median_response_seconds", "73.88", "73.88", "0.00", "equal"]
    assert ended.stdout.splitlines()[-1] == "Within a tolerance of 0.01."


def test_the_command_does_not_call_nothing_an_agreement(
    local_stack: LocalStack, product: Product, tmp_path: Path
) -> None:
    """Zero conversations on either side is no failure, and no parity either; one stored conversation is compared."""
    history = History(local_stack, product, tmp_path / "state")
    empty = history.run("parity", "--range", RANGE)
    assert empty.returncode == 0, empty.stderr
    assert empty.stdout.count("  Nothing to compare: both sides count no conversation in this period.\n") == 2
    assert empty.stdout.splitlines()[-1] == "Nothing to compare: both sides count no conversation."
    product.add_conversation(NOW - DAY)
    shown = history.run("parity", "--range", RANGE)
    assert (shown.returncode, shown.stdout.count("Nothing to compare")) == (1, 1)
    assert shown.stdout.splitlines()[-1] == "Not within a tolerance of 0.01."


def test_the_command_ends_with_1_and_names_the_cause(history: History) -> None:
    """Both as a table and as JSON."""
    for _ in range(5):
        history.product.add_conversation(NOW - 3 * DAY)

    shown = history.run("parity", "--range", RANGE)
    assert shown.returncode == 1
    assert "DIFFERS" in shown.stdout
    assert "5 × never sent to Tinybird" in shown.stdout
    assert "moves started" in shown.stdout

    ended = history.run("parity", "--range", RANGE, "--json")
    assert ended.returncode == 1
    answer = json.loads(ended.stdout)
    assert answer["is_within"] is False
    (started,) = [kpi for kpi in answer["periods"][0]["kpis"] if kpi["kpi"] == "started"]
    assert (started["tinybird"], started["postgres"], started["difference"]) == (20, 25, -5)
    assert [(cause["cause"], cause["count"]) for cause in started["causes"]] == [
        ("never sent to Tinybird", 5)
    ]
    within = history.run("parity", "--range", RANGE, "--tolerance", "0.5")
    assert (within.returncode, "Causes" in within.stdout, "No row" in within.stdout) == (0, False, False)
    assert within.stdout.rstrip().endswith("--tolerance 0 names its cause.")
    assert "--tolerance 0" not in shown.stdout


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--range", "soon"), 2, "Use today, 7d"),
        (("--range", "2099-01-01..2099-01-09"), 2, "has not begun"),
        (("--timezone", "Mars/Base"), 2, "Not a timezone"),
        (("--tolerance", "2"), 2, "--tolerance"),
        (("--website", "no-such-shop"), 1, "No website is called no-such-shop"),
    ],
)
def test_options_are_checked(
    local_stack: LocalStack,
    product: Product,
    tmp_path: Path,
    options: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """Usage errors end with code 2; a website that is not there with 1."""
    ended = History(local_stack, product, tmp_path).run("parity", *options)
    assert ended.returncode == code
    assert said in ended.stderr
