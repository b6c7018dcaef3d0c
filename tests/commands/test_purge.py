"""`inbox-analytics purge` and `retention` as an operator runs them: what is said, what is deleted, what is refused."""

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.receipts import DatasourcePurge, Ledger, Purge
from analytics.ingest.emitter import Emitter
from analytics.kpis.ai_and_people.time_saved import Minutes
from analytics.kpis.goals.definitions import Goal
from analytics.store.store import Store
from analytics.transports.tinybird import Tinybird
from tests import command_line
from tests.conftest import ROOT, LocalStack
from tests.operations.doctor.clinic import closed_port, environment
from tests.product_database import Product

Send = Callable[[str, Sequence[dict[str, Any]]], dict[str, Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(local_stack: LocalStack, tmp_path: Path) -> Run:
    """Runs the command line on the local stack with a state directory of its own; it does not wait long to count again."""

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environ = environment(local_stack, INBOX_ANALYTICS_STATE_DIR=str(tmp_path), **changed)
        return command_line.run(environ, *arguments, "--settle", "0.05")

    return run


@pytest.fixture
def held(product: Product, send_events: Send) -> str:
    """A website with three visitor events and one conversation event; its id."""
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    row = {"timestamp": at, "website_id": product.website_id, "visitor_id": "v"}
    send_events("visitor_events", [{**row, "event_type": "seen"}] * 3)
    talk = {**row, "event_type": "escalated", "conversation_id": "c", "duration_seconds": 0}
    send_events("conversation_metrics", [talk])
    return product.website_id


def write_journal(
    state: Path,
    website_id: str,
    host: str,
    reason: str = "purge",
    running_job: str | None = None,
    jobs: tuple[str, ...] = (),
    store_rows: int | None = None,
) -> None:
    """The journal of a purge that bob began and that was killed."""
    begun = Purge(
        website_id=website_id,
        website="Shop",
        reason=reason,
        by="bob",
        host=host,
        started_at=datetime(2026, 11, 1, 10, tzinfo=UTC),
        store_rows=store_rows,
        datasources=(
            DatasourcePurge(
                datasource="conversation_metrics", rows_found=1, running_job=running_job, jobs=jobs
            ),
            DatasourcePurge(datasource="visitor_events", rows_found=3),
        ),
    )
    Ledger(state).keep(begun)


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, two lines on stderr with all words, no traceback, nothing deleted."""
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: "), ended.stderr
    assert len(ended.stderr.splitlines()) == 2
    for word in words:
        assert word in ended.stderr
    assert "deleted" not in ended.stdout


def audited(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The audit lines of a command."""
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"audit"')]


def test_without_yes_rows_are_counted_and_stay(run: Run, held: str) -> None:
    """By both data sources, with what Postgres knows; the same again afterwards."""
    for _ in range(2):
        ended = run("purge", held)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "Shop (shop.example)" in ended.stdout
        assert ended.stdout.split("conversation_metrics")[1].split()[:2] == ["1", "rows"]
        assert ended.stdout.split("visitor_events")[1].split()[:2] == ["3", "rows"]
        assert "Nothing was deleted: add --yes" in ended.stdout
        assert audited(ended) == []


def test_with_yes_they_go_and_the_receipt_is_listed(
    run: Run, held: str, product: Product, tmp_path: Path
) -> None:
    """By slug, by whom; what Postgres knows stays untouched."""
    product.update("website", held, slug=f"slug-{product.key}")
    product.update("visitor", product.visitor_id, last_seen_at=datetime(2026, 11, 1, tzinfo=UTC))
    before = product.connection.execute("SELECT * FROM visitor WHERE website_id = %s", (held,)).fetchall()
    ended = run("purge", f"slug-{product.key}", "--yes", "--by", "Ann")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"Purged {held}: 4 rows deleted, counted to 0 afterwards." in ended.stdout
    (line,) = audited(ended)
    assert (line["audit"], line["website"], line["rows"], line["outcome"]) == ("purge", held, 4, "done")
    assert (line["who"], line["reason"]) == (getpass.getuser(), "purge, asked for by Ann")
    assert run("purge", held).stdout.split("visitor_events")[1].split()[:2] == ["0", "rows"]
    assert (
        product.connection.execute("SELECT * FROM visitor WHERE website_id = %s", (held,)).fetchall()
        == before
    )
    [receipt] = (tmp_path / "receipts").iterdir()
    record = json.loads(receipt.read_text())
    assert (record["by"], record["website_id"], record["rows_left"]) == ("Ann", held, 0)
    listed = run("purge", "--receipts").stdout
    assert held in listed
    assert "Ann" in listed


@pytest.fixture
def settings_of(held: str, local_stack: LocalStack) -> Iterator[Callable[[], dict[str, int]]]:
    """The website has a goal that was changed, and minutes; another has a goal. Called, it counts the rows of the first."""
    with Store(local_stack.store_url) as store:
        for version in (1, 2):
            store.add_goal(held, "response", version, Goal(90.0, 300 * version), "ann@example.com")
        store.add_minutes(held, 1, Minutes(3.0, 10.0), "ann@example.com")
        store.add_goal(f"{held}-other", "response", 1, Goal(90.0, 300), "bob@example.com")
        yield lambda: store.held(held)
        assert store.held(f"{held}-other")["goal"] == 1
        store.forget(f"{held}-other")
        store.forget(held)


def test_settings_go_with_the_rows(
    run: Run, held: str, settings_of: Callable[[], dict[str, int]], local_stack: LocalStack, tmp_path: Path
) -> None:
    """Counted without --yes; deleted with it, for this website alone; the receipt and the audit line count them."""
    url = {"INBOX_ANALYTICS_STORE_URL": local_stack.store_url}
    shown = run("purge", held, **url).stdout
    assert shown.split("  goal ")[1].split()[:2] == ["2", "rows"]
    assert shown.split("  minutes_per_conversation ")[1].split()[:2] == ["1", "rows"]
    assert sum(settings_of().values()) == 3
    ended = run("purge", held, "--yes", **url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"Purged {held}: 7 rows deleted" in ended.stdout
    assert audited(ended)[0]["rows"] == 7
    assert sum(settings_of().values()) == 0
    [receipt] = (tmp_path / "receipts").iterdir()
    assert json.loads(receipt.read_text())["store_rows"] == 3
    assert "ann@example.com" not in receipt.read_text()
    [line] = [line for line in run("purge", "--receipts").stdout.splitlines() if held in line]
    assert line.split()[2] == "7"


def test_a_store_that_is_down_loses_nothing_of_the_purge(
    run: Run, held: str, settings_of: Callable[[], dict[str, int]], local_stack: LocalStack, tmp_path: Path
) -> None:
    """Tinybird's rows are deleted, what remains is said, and the same command ends it once the store works."""
    down = f"postgresql://a:secret@127.0.0.1:{closed_port()}/x"
    shown = run("purge", held, INBOX_ANALYTICS_STORE_URL=down)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Store        cannot be read: The dashboard's store cannot be reached." in shown.stdout
    ended = run("purge", held, "--yes", INBOX_ANALYTICS_STORE_URL=down)
    assert ended.returncode == 1
    assert (
        f"The rows of {held} in Tinybird are deleted, its goals and minutes in the store are not."
        in ended.stderr
    )
    assert "run the same command again" in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    assert run("purge", held).stdout.split("visitor_events")[1].split()[:2] == ["0", "rows"]
    refused(run("purge", held, "--yes"), "was begun with a store", "INBOX_ANALYTICS_STORE_URL")
    assert sum(settings_of().values()) == 3
    again = run("purge", held, "--yes", INBOX_ANALYTICS_STORE_URL=local_stack.store_url)
    assert f"Purged {held}: 7 rows deleted" in again.stdout
    assert sum(settings_of().values()) == 0
    assert list((tmp_path / "purges").iterdir()) == []


def test_a_purge_that_was_killed_in_the_store_is_ended_with_the_store(
    run: Run, held: str, settings_of: Callable[[], dict[str, int]], local_stack: LocalStack, tmp_path: Path
) -> None:
    """Without the setting it is refused; with it the receipt has the number that was noted before the delete."""
    write_journal(tmp_path, held, local_stack.host, store_rows=5)
    refused(run("purge", held, "--yes"), "was begun with a store", "INBOX_ANALYTICS_STORE_URL")
    assert sum(settings_of().values()) == 3
    run("purge", held, "--yes", INBOX_ANALYTICS_STORE_URL=local_stack.store_url)
    assert sum(settings_of().values()) == 0
    [receipt] = (tmp_path / "receipts").iterdir()
    assert json.loads(receipt.read_text())["store_rows"] == 5


def test_settings_alone_are_purged_and_kept_on_the_list(
    run: Run, held: str, product: Product, settings_of: Callable[[], dict[str, int]], local_stack: LocalStack
) -> None:
    """`retention` lists a website that left and holds settings only, and purges it; without a store it does not know them."""
    url = {"INBOX_ANALYTICS_STORE_URL": local_stack.store_url}
    run("purge", held, "--yes")
    assert sum(settings_of().values()) == 3
    product.add_subscription("pro", "canceled", datetime.now(UTC) - timedelta(days=40))
    assert held not in run("retention").stdout
    [line] = [line for line in run("retention", **url).stdout.splitlines() if line.startswith(f"{held} ")]
    assert line.split()[4] == "3"
    assert f"Purged {held}: 3 rows deleted" in run("retention", "--yes", **url).stdout
    assert sum(settings_of().values()) == 0


def test_settings_of_a_website_that_nothing_else_knows_are_purged(
    run: Run, settings_of: Callable[[], dict[str, int]], held: str, product: Product, local_stack: LocalStack
) -> None:
    """Removed from Postgres and from Tinybird before."""
    run("purge", held, "--yes")
    product.connection.execute("DELETE FROM website WHERE id = %s", (held,))
    refused(run("purge", held, "--yes"), "Neither Postgres nor Tinybird")
    ended = run("purge", held, "--yes", INBOX_ANALYTICS_STORE_URL=local_stack.store_url)
    assert f"Purged {held}: 3 rows deleted" in ended.stdout
    assert sum(settings_of().values()) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_purge_that_is_interrupted_says_so(
    number: signal.Signals, held: str, local_stack: LocalStack, tmp_path: Path
) -> None:
    """One line, `interrupted`; the same command goes on and writes its own."""
    environ = {"PATH": os.environ["PATH"]} | environment(
        local_stack, INBOX_ANALYTICS_STATE_DIR=str(tmp_path / "state")
    )
    program = [sys.executable, "-m", "analytics.cli", "purge", held, "--yes", "--by", "Ann"]
    program += ["--settle", "600"]
    process = subprocess.Popen(program, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    # It counts twice, ten minutes apart, after its journal is there.
    while not list((tmp_path / "state").rglob("*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode not in {0, None}
    (line,) = [json.loads(each) for each in out.splitlines() if each.startswith('{"audit"')]
    assert (line["website"], line["outcome"], line["rows"]) == (held, "interrupted", None)
    assert line["reason"] == "purge, asked for by Ann"


def test_a_website_that_left_postgres_is_still_purged(run: Run, held: str, product: Product) -> None:
    """Deleted there softly or for good; it is said which."""
    product.update("website", held, deleted_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert "deleted 2026-10-01" in run("purge", held).stdout
    product.connection.execute("DELETE FROM website WHERE id = %s", (held,))
    ended = run("purge", held, "--yes")
    assert "does not know it: removed there, or never was there" in ended.stdout
    assert f"Purged {held}: 4 rows deleted" in ended.stdout


@pytest.mark.parametrize(
    "website",
    [
        "no-such-website",
        "x' OR 1=1 --",
        "x/*",
        "öö",
        "; DROP TABLE website",
        "w" * 101,
        "x\x1b[2J",
        " ",
        "{{x}}",
    ],
)
def test_what_is_no_website_is_refused(run: Run, held: str, website: str, local_stack: LocalStack) -> None:
    """Nothing is deleted, and nothing that is typed reaches the terminal as more than text."""
    ended = run("purge", website, "--yes")
    refused(ended, "WEBSITE" if not website.strip() or "\x1b" in website else "website")
    assert "\x1b" not in ended.stderr
    with Tinybird(local_stack.host, "none", None, local_stack.admin_token) as tinybird:
        assert deletion.count_rows(tinybird, "visitor_events", deletion.condition_of(held)) == 3


def test_a_text_that_names_two_websites_is_refused(run: Run, held: str, product: Product) -> None:
    """The id of one is the slug of another: --id decides."""
    product.update("website", held, slug=f"slug-{product.key}")
    product.add_website(f"other-{product.key}", slug=held)
    refused(run("purge", held, "--yes"), "the slug of another", f"other-{product.key}", "--id")
    assert f"Website      {held}" in run("purge", held, "--id").stdout


def test_with_postgres_down_only_an_id_can_be_purged(run: Run, held: str) -> None:
    """A text may be an unknown slug or an id; --id says that it is an id."""
    down = f"postgresql://a:b@127.0.0.1:{closed_port()}/x"
    refused(run("purge", held, "--yes", DATABASE_URL=down), "Postgres cannot be reached")
    ended = run("purge", held, "--yes", "--id", DATABASE_URL=down)
    assert f"Purged {held}: 4 rows deleted" in ended.stdout


@pytest.mark.parametrize(
    "command", [("purge", "w1", "--yes"), ("retention", "--yes")], ids=["purge", "retention"]
)
def test_without_an_admin_token_it_is_named(run: Run, command: tuple[str, ...]) -> None:
    """Before anything is asked."""
    refused(run(*command, TINYBIRD_ADMIN_TOKEN=""), "TINYBIRD_ADMIN_TOKEN is missing")


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "x" * 101])
def test_who_asks_is_a_name(run: Run, by: str) -> None:
    """It stands in the receipt for years."""
    refused(run("purge", "w1", "--yes", "--by", by), "--by is not a name")


def test_what_customers_wrote_is_shown_as_text(run: Run, held: str, product: Product) -> None:
    """No escape sequence of a website's name reaches the terminal."""
    product.update("website", held, name="Shop\x1b[2J\n\x07Evil")
    shown = run("purge", held).stdout
    assert "Shop?[2J??Evil" in shown
    assert "\x1b" not in shown


def test_nothing_to_continue(run: Run) -> None:
    """Without a website and without a journal it says how to go on."""
    assert "No purge is unfinished" in run("purge").stdout
    assert "No purge has finished yet" in run("purge", "--receipts").stdout


def test_an_unfinished_purge_is_listed_and_continued(
    run: Run, held: str, tmp_path: Path, local_stack: LocalStack
) -> None:
    """By every command that could do something about it."""
    write_journal(tmp_path, held, local_stack.host, running_job="forgotten", jobs=("forgotten",))
    assert "begun 2026-11-01 10:00 UTC by bob" in run("purge").stdout
    assert "begun 2026-11-01 10:00 UTC by bob" in run("purge", held).stdout
    assert "begun 2026-11-01 10:00 UTC by bob" in run("retention").stdout
    ended = run("purge", "--yes", "--by", "ann")
    assert f"Continuing the purge of {held}" in ended.stdout
    assert "Postgres     Shop (shop.example)" in ended.stdout
    assert f"Purged {held}: an unknown number of rows deleted" in ended.stdout
    assert list((tmp_path / "purges").iterdir()) == []
    [receipt] = (tmp_path / "receipts").iterdir()
    record = json.loads(receipt.read_text())
    assert (record["by"], record["continued_by"]) == ("bob", ["ann"])
    [line] = [line for line in run("purge", "--receipts").stdout.splitlines() if held in line]
    assert line.split()[2:6] == ["unknown", held, "bob,", "ann"]


def test_a_purge_that_retention_began_asks_again_whether_the_website_has_left(
    run: Run, held: str, product: Product, tmp_path: Path, local_stack: LocalStack
) -> None:
    """Paid again in between it is left alone, with the command that purges it all the same."""
    write_journal(tmp_path, held, local_stack.host, reason="retention: subscription canceled")
    product.add_subscription("pro", "active")
    ended = run("purge", "--yes")
    assert ended.returncode == 1
    assert f"Retention began to purge {held}, and it has come back since" in ended.stderr
    assert f"purge {held} --yes" in ended.stderr
    assert run("purge", held).stdout.split("visitor_events")[1].split()[:2] == ["3", "rows"]
    assert f"Purged {held}: 4 rows deleted" in run("purge", held, "--yes").stdout


def test_one_that_cannot_be_purged_does_not_keep_the_others(
    run: Run, held: str, tmp_path: Path, local_stack: LocalStack
) -> None:
    """The journal of another workspace is refused; the one after it is purged, and the exit code is 1."""
    for website_id, host in (("another", "https://api.example"), (held, local_stack.host)):
        write_journal(tmp_path, website_id, host)
    ended = run("purge", "--yes")
    assert f"Purged {held}" in ended.stdout
    assert "another was not purged." in ended.stderr
    assert "Error: 1 of 2 websites could not be purged: another." in ended.stderr
    assert ended.returncode == 1


def test_retention_lists_and_purges_those_past_their_grace(run: Run, held: str, product: Product) -> None:
    """Listed with plan, end, days and rows; deleted with --yes alone; the receipt says why."""
    ended_at = datetime.now(UTC) - timedelta(days=40)
    product.add_subscription("pro", "canceled", ended_at)
    shown = run("retention", "--grace-days", "60").stdout
    [line] = [line for line in shown.splitlines() if line.startswith(held)]
    assert line.split()[1:6] == ["pro", f"{ended_at:%Y-%m-%d}", "40", "4", "in"]
    shown = run("retention").stdout
    [line] = [line for line in shown.splitlines() if line.startswith(held)]
    assert "due" in line
    assert "add --yes to purge" in shown
    assert "in grace" in run("retention", INBOX_ANALYTICS_GRACE_DAYS="41").stdout
    ended = run("retention", "--yes", "--by", "Ann")
    assert f"Purged {held}: 4 rows deleted" in ended.stdout
    (record,) = [each for each in audited(ended) if each["website"] == held]
    assert (record["audit"], record["rows"], record["outcome"]) == ("purge", 4, "done")
    assert record["reason"].startswith("retention: ")
    assert held not in run("retention").stdout


def test_retention_leaves_other_websites_alone(run: Run, held: str, product: Product) -> None:
    """A free organization holds rows and is neither listed nor purged."""
    product.add_subscription("free", "active")
    ended = run("retention", "--yes")
    assert ended.returncode == 0
    assert held not in ended.stdout
    assert run("purge", held).stdout.split("visitor_events")[1].split()[:2] == ["3", "rows"]


@pytest.mark.parametrize("days", ["-1", "many", "4000"])
def test_a_grace_that_is_none(run: Run, days: str) -> None:
    """Refused by the option itself."""
    ended = run("retention", "--grace-days", days)
    assert ended.returncode == 2
    assert "--grace-days" in ended.stderr


def test_events_that_wait_in_a_spool_are_listed(run: Run, held: str, tmp_path: Path) -> None:
    """They would be stored after the purge: the warning comes before --yes."""
    spool = tmp_path / "spool"
    with Emitter(f"http://127.0.0.1:{closed_port()}", "token", spool) as emitter:
        emitter.visitor_seen(website_id=held, visitor_id="v1")
    shown = run("purge", held, INBOX_ANALYTICS_SPOOL_DIR=str(spool)).stdout
    assert "1 events wait here" in shown
    assert "Purge once the spool is empty" in shown
