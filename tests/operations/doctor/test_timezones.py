"""The doctor on timezones: the engine's local clocks against ours, and which database is older."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from analytics.operations.doctor import timezones
from analytics.operations.doctor.timezones import STEP, judged
from analytics.scope import clock
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.operations.doctor.clinic import environment, found
from tests.timezones import installed, tzif

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
INSTANTS = [FIRST + STEP * week for week in range(20)]
HOUR = 3600


@pytest.fixture
def tinybird(local_stack: LocalStack) -> Iterator[Tinybird]:
    """The embedded engine."""
    with Tinybird(
        local_stack.host, local_stack.read_token, local_stack.append_token, local_stack.admin_token
    ) as opened:
        yield opened


def test_every_zone_of_the_engine_is_compared(tinybird: Tinybird) -> None:
    """Its offsets are asked for, one for each instant and zone; London's summer is among them."""
    zones = timezones.distinct_zones()
    assert len(zones) > 300
    assert {"America/Vancouver", "Asia/Kathmandu"} <= set(zones)
    summer = [datetime(2026, 7, 1, tzinfo=UTC) + STEP * week for week in range(20)]
    offsets = timezones._offsets_in_engine(tinybird, ("Europe/London", "Asia/Kolkata"), summer)
    assert offsets == {
        "Europe/London": [HOUR] * 17 + [0] * 3,
        "Asia/Kolkata": [19_800] * 20,
    }


def test_the_doctor_says_which_is_older(local_stack: LocalStack) -> None:
    """With the embedded engine there is nothing to do, whatever its database knows."""
    level, text = found(environment(local_stack), "clocks")["timezones"]
    assert level == "ok"
    assert f"tzdata {clock.database_version()}" in text


def test_without_an_admin_token_it_is_not_checked(local_stack: LocalStack) -> None:
    """SQL takes one."""
    environ = environment(local_stack, TINYBIRD_ADMIN_TOKEN="")
    level, text = found(environ, "clocks")["timezones"]
    assert level == "not checked"
    assert "TINYBIRD_ADMIN_TOKEN" in text


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no row"),
        pytest.param([{"z0": "[0]"}], id="too few zones"),
        pytest.param([{f"z{number}": "[0]" for number in range(60)}], id="too few instants"),
        pytest.param([{f"z{number}": "[null]" for number in range(60)}], id="no number"),
        pytest.param([{f"z{number}": "?" for number in range(60)}], id="no array"),
    ],
)
def test_an_engine_that_answers_something_else_is_a_finding(rows: list[dict[str, str]]) -> None:
    """The doctor names what was wrong with the answer; it does not end."""
    answer = httpx2.Response(200, json={"meta": [], "data": rows})
    with Tinybird(
        "https://t.test", "r", admin_token="a", transport=httpx2.MockTransport(lambda _request: answer)
    ) as tinybird:
        finding = timezones.compared(tinybird, may_query=True)
    assert finding.level == "problem"
    assert "not as expected" in finding.message


@pytest.mark.parametrize(
    ("ours", "theirs", "level", "said"),
    [
        # Until now an hour back every December; the law has changed that.
        pytest.param([HOUR] * 20, [HOUR] * 20, "ok", "are those of tzdata", id="the same"),
        pytest.param([HOUR] * 20, [HOUR] * 5 + [0] * 15, "ok", "the engine's are older", id="theirs"),
        pytest.param([HOUR] * 5 + [0] * 15, [HOUR] * 20, "warning", "ours are older", id="ours"),
    ],
)
def test_the_older_database_goes_on_as_a_year_before(
    tmp_path: Path, ours: list[int], theirs: list[int], level: str, said: str
) -> None:
    """Which side still has the change of clocks that both had a year ago."""
    year = timedelta(days=364)
    december = FIRST + STEP * 4 + timedelta(days=1)
    changes = [(december - year, 0), (FIRST - timedelta(days=60), HOUR)]
    if 0 in ours:
        changes.append((december, 0))
    content = tzif(HOUR, [(int(at.timestamp()), offset) for at, offset in changes])
    with installed(tmp_path, "Test/Law", content):
        finding = judged({"Test/Law": theirs}, INSTANTS)
    assert (finding.level, said in finding.message) == (level, True)
    assert ("Test/Law" in finding.message) == (ours != theirs)
    assert bool(finding.remedy) == (level == "warning")
