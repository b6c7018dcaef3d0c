"""`serve`: the web app for production."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn

import click

from analytics import ROOT
from analytics.errors import AnalyticsError
from analytics.settings import load_settings
from analytics.settings.demo_mode import require_listening_here
from analytics.web import logs, request_id, server
from analytics.web.middleware.requests import Requests
from analytics.web.middleware.stickiness import Stickiness

APP: Final = "asgi_app.py"
WRONG: Final = 2
"""Exit code where the configuration is wrong: starting again as it is does not help."""


@click.command()
@click.option("--address", metavar="ADDRESS", help="To listen on.  [INBOX_ANALYTICS_ADDRESS; 127.0.0.1]")
@click.option(
    "--port", metavar="PORT", help="To listen on; 0 takes any free one.  [INBOX_ANALYTICS_PORT; 8501]"
)
@click.option("--public-url", metavar="URL", help="Where browsers find it.  [INBOX_ANALYTICS_PUBLIC_URL]")
@click.option(
    "--trusted-proxies",
    metavar="NETWORKS",
    help="Whose X-Forwarded-For, X-Forwarded-Proto and X-Request-ID are believed, such as 10.0.0.0/8, separated by "
    "commas.  [INBOX_ANALYTICS_TRUSTED_PROXIES; this machine]",
)
@click.option(
    "--log",
    "log",
    metavar="FORMAT",
    help="json or text.  [INBOX_ANALYTICS_LOG; text on a terminal, json elsewhere]",
)
def serve(**options: str | None) -> None:
    """Run the web app for production, behind a proxy, until SIGTERM or Ctrl-C.

    Needs the settings of a real deployment (docs/deploying.md). Exit code 0 after SIGTERM or SIGINT, 2 when the
    configuration is wrong.
    """
    # Until there is a server nothing has to be stopped; process 1 would not even be ended by these.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: os._exit(0))
    # One check for both ways: what an option says is what the variable says.
    os.environ.update({f"INBOX_ANALYTICS_{name.upper()}": value for name, value in options.items() if value})
    try:
        settings = load_settings()
        if settings.demo:
            require_listening_here(settings.address)
            # Checked again by asgi_app.py, and where the demo viewer is let in.
            os.environ["STREAMLIT_SERVER_ADDRESS"] = settings.address
        with server.bind(settings.address, settings.port) as listener:
            logs.set_up(settings.log or ("text" if sys.stderr.isatty() else "json"))
            module = _module()
            request_id.add_lookup(module.request_id_of_run)
            app = Stickiness(module.app, module.PUBLIC_URL)
            server.run(Requests(app, settings.trusted_proxies), listener, module.PUBLIC_URL or "the demo")
    except AnalyticsError as error:
        _refuse(str(error))


def _module() -> ModuleType:
    """Imports the web app: that of the current directory where there is one, otherwise that of this package."""
    root = next(place for place in (Path.cwd(), ROOT) if (place / APP).is_file())
    sys.path.insert(0, str(root))
    # Streamlit reads .streamlit/ of the directory that it runs in: its options, and the file of secrets.
    os.chdir(root)
    try:
        return import_module(Path(APP).stem)
    except SystemExit as ended:
        _refuse(str(ended.code))


def _refuse(sentence: str) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(WRONG)
