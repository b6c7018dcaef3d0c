"""The real app in a process of its own, on the local stack, with a proxy that fails as asked in front of each source."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.harness.stack import Process, answer, local_stack, started
from tests.faults.http_proxy import HttpProxy, http_proxy
from tests.faults.postgres import PostgresFaults, postgres_faults

PROGRAM: Final = """
import ctypes, gc, json, os, sys, threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

class Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo

def obey():
    for line in sys.stdin:
        from analytics.cached import clear
        from analytics.cached.reading import reads
        word = line.strip()
        if word == "clear":
            clear()
        elif word == "remember":
            kept, newest = reads._kept, reads._newest
        elif word == "recall":
            at = datetime.now(UTC)
            with reads._changed:
                reads._newest.update(newest)
                for question, each in kept.items():
                    reads._kept[question] = replace(each, answer=replace(each.answer, read_at=at))
            reads.expire()
        elif word == "expire":
            reads.expire()
        gc.collect()
        used = libc.mallinfo2()
        status = dict(each.split(":", 1) for each in Path("/proc/self/status").read_text().splitlines())
        links = []
        for each in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{each}"))
            except OSError:
                pass
        tcp = {line.split()[9] for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]}
        print(json.dumps({
            "threads": threading.active_count(),
            "connections": sum(each.startswith("socket:") and each[8:-1] in tcp for each in links),
            "files": len(links),
            "objects": sys.getallocatedblocks(),
            "memory": (used.uordblks + used.hblkhd) // 2**20,
            "resident": int(status["VmRSS"].split()[0]) // 1024,
        }), flush=True)

threading.Thread(target=obey, daemon=True).start()
from analytics.cli import main
sys.argv = ["inbox-analytics", "serve"]
main()
"""
"""`inbox-analytics serve`, which obeys words on its standard input and answers with what it holds."""


@dataclass(frozen=True, slots=True)
class App:
    """The running app.

    Attributes:
        address: Host and port.
        tinybird: In front of Tinybird.
        postgres: In front of Postgres.
        log: What it writes.
        process: Its process.
    """

    address: str
    tinybird: HttpProxy
    postgres: PostgresFaults
    log: Path
    process: Process

    def say(self, word: str) -> Mapping[str, int]:
        """Makes the app do something with its answers; returns what it holds.

        That is threads, connections, files, Python's objects (by their blocks), and MB: what is allocated beside those, and
        what is resident, with what the allocator keeps for later.

        Args:
            word: `clear` forgets all, `expire` makes all stale, `remember` and `recall` keep those of a moment, any
                other does nothing.
        """
        held: Mapping[str, int] = json.loads(answer(self.process, word))
        return held


@contextmanager
def faulty_app() -> Iterator[App]:
    """The app with demo data, in a directory that is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory)) as stack,
        http_proxy(stack.env["TINYBIRD_HOST"]) as tinybird,
        postgres_faults(stack.env["DATABASE_URL"], stack.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"]) as postgres,
        _served(Path(directory) / "app.log", stack.env, tinybird, postgres) as app,
    ):
        yield app


@contextmanager
def _served(
    log: Path, env: Mapping[str, str], tinybird: HttpProxy, postgres: PostgresFaults
) -> Iterator[App]:
    own = {"TINYBIRD_HOST": tinybird.url, "DATABASE_URL": postgres.url}
    with started(PROGRAM, log, {**env, **own}) as (address, process):
        yield App(address, tinybird, postgres, log, process)
