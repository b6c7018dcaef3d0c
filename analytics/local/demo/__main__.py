"""Makes the demo data of a running stack, or brings it up to now, and shows how far it is.

Started by the command line as `python -m analytics.local.demo DIR SEED` with the stack's settings in the
environment; everything it cannot do becomes two lines on stderr and exit code 1.
"""

import os
import sys
import threading
import time
from pathlib import Path

import click
import httpx
import psycopg

from analytics.local.demo.load import ensure_demo
from analytics.local.failure import StackFailure

BAR_STEPS = 1000


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    directory, seed = Path(arguments[0]), int(arguments[1])
    began = time.monotonic()
    try:
        # A bar on a terminal; in a log file click writes the label alone, once.
        with click.progressbar(length=BAR_STEPS, label="Demo data", show_eta=False, file=sys.stdout) as bar:
            shown, lock = 0, threading.Lock()

            def show(ratio: float) -> None:
                nonlocal shown
                with lock:
                    step = int(ratio * BAR_STEPS) - shown
                    if step > 0:
                        bar.update(step)
                        shown += step

            record = ensure_demo(directory, os.environ, seed, int(time.time()), show)
            show(1.0)
    except StackFailure as error:
        return _fail(error.message, error.remedy)
    except httpx.HTTPStatusError as error:
        return _fail(f"Tinybird refused the demo data: {error.response.text[:300]}", "See logs/tinybird.log.")
    except httpx.HTTPError as error:
        return _fail(f"Tinybird went away while the demo data was made ({error}).", "See logs/tinybird.log.")
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
