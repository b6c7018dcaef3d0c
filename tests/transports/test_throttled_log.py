"""A message that repeats is written once a minute, with how often it happened."""

import logging

import pytest

from analytics.transports.throttled_log import MOST_KEYS, ThrottledLog


def test_each_key_is_written_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that repeats all the time hides no other; the count is each key's own."""
    now = 1000.0
    monkeypatch.setattr("analytics.transports.throttled_log.time.monotonic", lambda: now)
    log = ThrottledLog(logging.getLogger("sources"), logging.WARNING)
    for _ in range(3):
        log.write("kpis: 500", ("kpis", 500))
        log.write("kpis: 403", ("kpis", 403))
    log.write("no room")
    now += 59.9
    log.write("kpis: 500", ("kpis", 500))
    now += 0.2
    log.write("kpis: 500 again", ("kpis", 500))
    log.write("no room")
    assert caplog.messages == ["kpis: 500", "kpis: 403", "no room", "kpis: 500 again (4 times)", "no room"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_the_number_of_keys_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Past the limit they count as one."""
    log = ThrottledLog(logging.getLogger("sources"), logging.WARNING)
    for number in range(MOST_KEYS + 100):
        log.write(f"{number}", number)
    assert len(caplog.messages) == MOST_KEYS + 1
