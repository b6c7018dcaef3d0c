"""The local stack, for the benchmarks that need one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).parents[1]
TICKS: Final = os.sysconf("SC_CLK_TCK")
START_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack.

    Attributes:
        env: The variables of its `env` file.
        pid: Its process.
        start_seconds: How long it took until it answered.
    """

    env: Mapping[str, str]
    pid: int
    start_seconds: float


def processor_seconds(pid: int) -> float:
    """Processor time of a process since it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def local_stack(directory: Path, *options: str) -> Iterator[Stack]:
    """A running local stack, with demo data unless the options of `inbox-analytics local` say otherwise."""
    program = [sys.executable, "-m", "analytics.cli", "local", "--port", "0", "--data-dir", str(directory)]
    process = subprocess.Popen(
        [*program, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        began = time.monotonic()
        while not (directory / "env").exists():
            if process.poll() is not None or time.monotonic() > began + START_SECONDS:
                raise click.ClickException("The local stack did not start.")
            time.sleep(0.02)
        seconds = time.monotonic() - began
        lines = (directory / "env").read_text().splitlines()
        yield Stack(dict(line.split("=", 1) for line in lines if line), process.pid, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
