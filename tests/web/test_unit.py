"""The documented unit for systemd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "docs" / "inbox-analytics.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze has to be installed")
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """Every name and value; the program is taken from here, because there is none in /opt."""
    text = UNIT.read_text()
    documented = "/opt/inbox-analytics/.venv/bin/inbox-analytics serve"
    assert documented in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(documented, f"{sys.executable} -m analytics.cli serve"))
    verified = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    # It looks at the units that this one needs as well.
    assert [line for line in verified.stderr.splitlines() if UNIT.name in line] == []
