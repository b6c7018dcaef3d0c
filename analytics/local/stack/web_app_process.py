"""Loads the libraries of the web app, waits for its start signal, then runs it.

Started by `web_app.py` as `python -m analytics.local.stack.web_app_process FD APP OPTION…`, and waits for its start signal on FD.
"""

import sys
from importlib import import_module
from runpy import run_module
from typing import Final

from analytics.local.stack.start_signal import wait_for_start

LIBRARIES: Final = (
    "streamlit.web.bootstrap",
    "pandas",
    "pydeck",
    "httpx2",
    "pydantic",
    "psycopg",
    "sqlalchemy",
)


def main(arguments: list[str]) -> int:
    """Serves until SIGTERM; returns the exit code."""
    descriptor, *program = arguments
    for name in LIBRARIES:
        import_module(name)
    import_module("plotly.graph_objects").Figure()  # plotly loads on the first use only
    if not wait_for_start(int(descriptor)):
        return 0
    sys.argv = ["streamlit", "run", *program]
    run_module("streamlit", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
