"""Makes the demo data of a stack, or brings it up to now, and shows how far it is.

Started by `demo_loader.py` as `python -m analytics.local.demo FD DIR SEED` with the settings of Tinybird in the environment,
while the stack comes up. Its start signal, on FD, carries the address of Postgres; before that it prints nothing. Every
failure becomes two lines on stderr and exit code 1.
"""

import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import click
import psycopg

from analytics.errors import SourceError
from analytics.local.demo.load import OWNER_URL, ensure_demo
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.start_signal import wait_for_start

BAR_STEPS = 1000
BAR_SECONDS = 0.1


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    descriptor, directory, seed = int(arguments[0]), Path(arguments[1]), int(arguments[2])
    began = time.monotonic()
    ratio = 0.0
    owner_url: Future[str] = Future()

    def note(done: float) -> None:
        nonlocal ratio
        ratio = done

    with ThreadPoolExecutor(max_workers=1) as pool:
        loading = pool.submit(
            ensure_demo,
            directory,
            os.environ,
            lambda: {**os.environ, OWNER_URL: owner_url.result()},
            seed,
            int(time.time()),
            note,
        )
        url = wait_for_start(descriptor)
        if not url:
            owner_url.cancel()
            return 1
        owner_url.set_result(url)
        # A bar on a terminal; in a log file click writes the label alone, once.
        with click.progressbar(length=BAR_STEPS, label="Demo data", show_eta=False, file=sys.stdout) as bar:
            while not loading.done():
                wait([loading], timeout=BAR_SECONDS)
                bar.update(int(ratio * BAR_STEPS) - bar.pos)
            if loading.exception() is None:
                bar.update(BAR_STEPS - bar.pos)
    try:
        record = loading.result()
    except StackFailure as error:
        return _fail(error.message, error.remedy)
    except SourceError as error:
        why = f"{error.message} {error.said}".strip()
        return _fail(f"Tinybird did not take the demo data: {why}", "See logs/tinybird.log.")
    except psycopg.Error as error:
        return _fail(f"Postgres refused the demo data: {str(error).strip()}", "See logs/postgres.log.")
    except OSError as error:
        return _fail(f"The demo data could not be made: {error}.", "Make room or choose another --data-dir.")
    if record.seed != seed:
        click.echo(f"Kept the demo data of seed {record.seed}; delete {directory} to have seed {seed}.")
    click.echo(f"Demo data is complete ({time.monotonic() - began:.1f} s).")
    return 0


def _fail(message: str, remedy: str) -> int:
    click.echo(f"Error: {message}", err=True)
    click.echo(remedy, err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
