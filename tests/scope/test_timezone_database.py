"""One timezone database decides, in a process of its own: what is on the path of the system does not count."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.timezones import tzif


def test_no_other_database_decides(tmp_path: Path) -> None:
    """With wrong zone files on the path of the system, days are those of the pinned package, also in pandas and pickles."""
    wrong = tmp_path / "Europe" / "London"
    wrong.parent.mkdir()
    wrong.write_bytes(tzif(45_000, []))
    script = """
import pickle, zoneinfo
early = zoneinfo.ZoneInfo("Europe/London")  # read before any module of this project
from datetime import datetime, UTC
summer = datetime(2026, 7, 1, tzinfo=UTC)
print(summer.astimezone(early).hour)
from analytics.scope import clock
import pandas as pd
local = pd.Series([summer]).dt.tz_convert("Europe/London")
print(
    summer.astimezone(clock.parse_timezone("Europe/London")).hour,
    summer.astimezone(zoneinfo.ZoneInfo("Europe/London")).hour,
    local.dt.hour[0],
    pickle.loads(pickle.dumps(local)).dt.hour[0],
    summer.astimezone(pickle.loads(pickle.dumps(zoneinfo.ZoneInfo("Europe/London")))).hour,
)
"""
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == ["12", "1 1 1 1 1"]


def test_a_service_that_emits_keeps_its_own_timezones() -> None:
    """Importing the emitter changes nothing for the process that it runs in."""
    script = "import zoneinfo; before = zoneinfo.TZPATH; import analytics.ingest.emitter; print(before == zoneinfo.TZPATH)"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONTZPATH": "/usr/share/zoneinfo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "True\n"
