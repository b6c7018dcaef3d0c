"""Runs the web app once it is let in: loads the libraries it needs before. Knows nothing of its pages.

Started by `webapp.py` as `python -m analytics.local.serveweb FD APP OPTION…`. A byte on the pipe FD lets it in; the
pipe's end without one means that nobody waits for it any more.
"""

import sys
from importlib import import_module
from runpy import run_module
from typing import Final

LIBRARIES: Final = (
    "streamlit.web.bootstrap",
    "pandas",
    "pydeck",
    "httpx",
    "pydantic",
    "psycopg",
    "sqlalchemy",
)


def main(arguments: list[str]) -> int:
    """Serves until SIGTERM; returns the exit code."""
    gate, *program = arguments
    for name in LIBRARIES:
        import_module(name)
    import_module("plotly.graph_objects").Figure()  # plotly loads on the first use only
    with open(int(gate), "rb") as pipe:
        if not pipe.read(1):
            return 0
    sys.argv = ["streamlit", "run", *program]
    run_module("streamlit", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
