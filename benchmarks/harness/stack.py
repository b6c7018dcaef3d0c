"""The local stack, for the benchmarks that need one."""

from __future__ import annotations

import os
import re
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

ROOT: Final = Path(__file__).parents[2]
TICKS: Final = os.sysconf("SC_CLK_TCK")
START_SECONDS: Final = 180.0

Process = subprocess.Popen[str]


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


@contextmanager
def started(
    program: str, log: Path, env: Mapping[str, str], *arguments: str
) -> Iterator[tuple[str, Process]]:
    """The text of a Python program that runs `inbox-analytics serve` for the demo's viewer: its address, and its process.

    The program may read words from its standard input; its standard error is the log.
    """
    own = {"INBOX_ANALYTICS_DEMO": "1", "INBOX_ANALYTICS_PORT": "0"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env={**os.environ, **env, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        ends_at = time.monotonic() + START_SECONDS
        while not (found := re.search(r" on (\S+:\d+) as process", log.read_text())):
            if process.poll() is not None or time.monotonic() > ends_at:
                raise click.ClickException(f"The app did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield found[1], process
    finally:
        process.kill()
        process.wait()


def answer(process: Process, word: str) -> str:
    """Gives a program that was `started` a word; returns the line that it answers with."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("The program was started without pipes.")
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return process.stdout.readline()


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
