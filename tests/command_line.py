"""The command line as a person runs it, without the second that a new process takes to import everything."""

import io
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.context import ForkServerProcess
from unittest import mock

from analytics import cli


def run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end in this process, with this environment alone; what it changed of the process is put back."""
    out, err = io.StringIO(), io.StringIO()
    log = logging.getLogger("analytics.transports.tinybird")
    level, handlers = log.level, {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    code: object = 0
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(sys, "argv", ["inbox-analytics", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            log.setLevel(level)
            for name, handler in handlers.items():
                signal.signal(name, handler)
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def start(environ: Mapping[str, str], *arguments: str) -> ForkServerProcess:
    """Starts a command in a separate process, to be killed; its output is discarded."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["__main__", __name__, "analytics.commands.backfill"])
    process = forks.Process(target=_become, args=(dict(environ), arguments))
    process.start()
    return process


def _become(environ: dict[str, str], arguments: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[:] = ["inbox-analytics", *arguments]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    cli.main()
