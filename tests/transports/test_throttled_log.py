"""What goes on going wrong is said once a minute, with how often."""

import logging

import pytest

from analytics.transports.throttled_log import MOST_QUESTIONS, Complaint, Complaints


def test_a_complaint_is_made_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """With how often it would have been made."""
    made = Complaint(logging.getLogger("spool"))
    for _ in range(1000):
        made.say("no room")
    made._said_at = float("-inf")
    made.say("no room")
    assert [record.message for record in caplog.records] == ["no room", "no room (1000 times)"]


def test_each_question_is_complained_of_by_itself(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails all the time hides no other; the count is each one's own."""
    now = 1000.0
    monkeypatch.setattr("analytics.transports.throttled_log.time.monotonic", lambda: now)
    made = Complaints(logging.getLogger("sources"), logging.WARNING)
    for _ in range(3):
        made.say(("kpis", 500), "kpis: 500")
        made.say(("kpis", 403), "kpis: 403")
    now += 59.9
    made.say(("kpis", 500), "kpis: 500")
    now += 0.2
    made.say(("kpis", 500), "kpis: 500 again")
    assert caplog.messages == ["kpis: 500", "kpis: 403", "kpis: 500 again (4 times)"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_questions_without_end_take_no_memory_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """Past the limit they count as one."""
    made = Complaints(logging.getLogger("sources"), logging.WARNING)
    for number in range(MOST_QUESTIONS + 100):
        made.say(number, f"{number}")
    assert len(caplog.messages) == MOST_QUESTIONS + 1
