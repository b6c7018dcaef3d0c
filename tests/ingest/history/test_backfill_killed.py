"""kill -9 of the real command at random moments: what goes on afterwards leaves out nothing and sends nothing twice."""

import random
import time
from pathlib import Path

import pytest

from analytics.ingest.history.reader import Position
from analytics.ingest.history.watermarks import peek
from tests.conftest import LocalStack
from tests.ingest.history_stack import History
from tests.product_database import Product

CONVERSATIONS = 1000
KILLS = 4
OPTIONS = ("--batch", "60", "--settle", "1")
START_SECONDS = 60.0


@pytest.fixture
def history(local_stack: LocalStack, product: Product, tmp_path: Path) -> History:
    """A website with conversations and feedback, nothing of it in Tinybird."""
    made = History(local_stack, product, tmp_path / "state")
    made.fill(CONVERSATIONS)
    return made


def kill_at_random(history: History, command: tuple[str, ...], dice: random.Random) -> tuple[bool, bool]:
    """Starts the command and kills it while it sends a batch or soon after; whether it was at work, and left a doubt."""
    began = doubts(history)
    process = history.start(*command, *OPTIONS)
    deadline = time.monotonic() + START_SECONDS
    while process.is_alive() and doubts(history) <= began and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(dice.choice((0.0, dice.uniform(0.0, 1.5))))
    was_at_work = process.is_alive()
    process.kill()
    process.join()
    return was_at_work, bool(doubts(history))


def doubts(history: History) -> set[Position]:
    """Up to where a batch of the website is being sent, or was when its sender died."""
    directory, host, website_id = history.state_dir, history.stack.host, history.product.website_id
    marks = [peek(directory, host, website_id, name) for name in ("conversation", "feedback")]
    return {mark.doubt for mark in marks if mark is not None and mark.doubt is not None}


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_backfill_goes_on_and_sends_each_event_once(history: History, seed: int) -> None:
    """Killed four times, then run to its end: every event of every row is there, exactly once."""
    dice = random.Random(seed)  # noqa: S311 - test data, no secret
    killed = [kill_at_random(history, ("backfill",), dice) for _ in range(KILLS)]

    ended = history.run("backfill", *OPTIONS)

    assert ended.returncode == 0, ended.stderr
    assert any(was_at_work for was_at_work, _ in killed)
    assert any(left_a_doubt for _, left_a_doubt in killed)
    stored = history.stored()
    assert stored.keys() == history.expected()
    assert set(stored.values()) == {1}


@pytest.mark.parametrize("seed", range(3, 5))
def test_a_killed_sync_keeps_up_with_rows_that_change(history: History, seed: int) -> None:
    """Conversations change between the kills: the last state of each is there, every event ever sent once."""
    dice = random.Random(seed)  # noqa: S311 - test data, no secret
    possible = history.expected()
    for _ in range(KILLS):
        kill_at_random(history, ("sync", "--interval", "1"), dice)
        history.resolve_again(dice, 20)
        possible |= history.expected()

    ended = history.run("sync", "--once", *OPTIONS)

    assert ended.returncode == 0, ended.stderr
    stored = history.stored()
    assert history.expected() <= stored.keys() <= possible
    assert set(stored.values()) == {1}
