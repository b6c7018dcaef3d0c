"""Emits from one child after another, each killed with SIGKILL: `python -m tests.ingest.emit_until_killed ...`.

Arguments: HOST TOKEN SPOOL WEBSITE ACCEPTED ROUNDS SEED. Every id whose call returned True is written to the file
ACCEPTED, without a buffer, before the next call. The children share the spool, so that each also finds what the ones
before it left.
"""

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics.ingest.emitter import Emitter
from analytics.ingest.spool.settings import SpoolSettings


def main(host: str, token: str, spool: str, website: str, accepted: str, rounds: str, seed: str) -> None:
    """Runs the rounds."""
    chance = random.Random(int(seed))  # noqa: S311  # a repeatable test, not a secret
    for number in range(int(rounds)):
        settings = SpoolSettings(
            segment_bytes=chance.choice([2_000, 50_000, 8_000_000]),
            batch_events=chance.choice([7, 500, 20_000]),
            linger_seconds=chance.choice([0.01, 0.1]),
        )
        pause = chance.choice([0.0, 0.0002, 0.002])
        ready, is_ready = os.pipe()
        child = os.fork()
        if child == 0:
            emitter = Emitter(host, token, Path(spool), settings=settings)
            os.write(is_ready, b"1")
            _emit(emitter, website, accepted, f"{seed}-{number}", pause)
        os.read(ready, 1)  # on a busy machine making an emitter takes longer than the pause
        time.sleep(chance.uniform(0.0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(is_ready)


def _emit(emitter: Emitter, website: str, accepted: str, prefix: str, pause: float) -> None:
    started_at = datetime.now(UTC) - timedelta(seconds=30)
    ids = os.open(accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    number = 0
    while True:
        number += 1
        name = f"{prefix}-{number}"
        if number % 5:
            is_accepted = emitter.page_view(website_id=website, visitor_id=name)
        else:
            is_accepted = emitter.conversation_resolved(
                website_id=website, visitor_id=name, conversation_id=name, started_at=started_at, by_ai=True
            )
        if is_accepted:
            os.write(ids, f"{name}\n".encode())
        if pause:
            time.sleep(pause)


if __name__ == "__main__":
    main(*sys.argv[1:])
