"""Programs that tests run in a process of their own, and what multiprocessing children of a test do."""

import os
import subprocess
import sys
from pathlib import Path

from analytics.ingest.emitter import Emitter
from tests.conftest import ROOT


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, which must be a good one."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def emit(host: str, token: str, directory: str, website: str, name: str, events: int) -> None:
    """Emits events and returns: what the process then does is its own affair."""
    emitter = Emitter(host, token, Path(directory))
    for number in range(events):
        assert emitter.page_view(website_id=website, visitor_id=f"{name}-{number}")
