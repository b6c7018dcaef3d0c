"""The local stack, for the benchmarks that need one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).parents[1]
START_SECONDS: Final = 180.0


@contextmanager
def local_stack(directory: Path, *options: str) -> Iterator[Mapping[str, str]]:
    """A running local stack, with demo data unless the options of `inbox-analytics local` say otherwise; its variables."""
    program = [sys.executable, "-m", "analytics.cli", "local", "--port", "0", "--data-dir", str(directory)]
    process = subprocess.Popen(
        [*program, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends_at = time.monotonic() + START_SECONDS
        while not (directory / "env").exists():
            if process.poll() is not None or time.monotonic() > ends_at:
                raise click.ClickException("The local stack did not start.")
            time.sleep(0.1)
        yield dict(line.split("=", 1) for line in (directory / "env").read_text().splitlines() if line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
