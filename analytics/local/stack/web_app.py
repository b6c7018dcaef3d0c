"""Runs the web app as a child of the stack.

The app loads its libraries while the demo data is made and serves when that is complete (`web_app_process.py`): no page
shows numbers of half the data, and the first page does not wait for libraries.
"""

import sys
from pathlib import Path
from typing import Final

from analytics import ROOT
from analytics.local.stack.child import Child
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.local_stack import LocalStack, answers, listen
from analytics.local.stack.start_signal import StartSignal

APP: Final = ROOT / "asgi_app.py"


class WebApp:
    """The Streamlit app on one port."""

    def __init__(self, host: str, port: int, app: Path = APP, *, is_reloading: bool = False) -> None:
        """Checks that the app is there and the port is free; starts nothing yet.

        Port 0 takes any free one. `is_reloading` watches the app's sources, for development.

        Raises:
            StackFailure: It is not.
        """
        if not app.is_file():
            raise StackFailure(f"The web app is not at {app}.", "Give --app the path of an asgi_app.py.")
        with listen(host, port) as probe:
            self._port: int = probe.getsockname()[1]
        self._host = host
        self._app = app.absolute()
        self._is_reloading = is_reloading
        shown = "localhost" if host in {"127.0.0.1", "::1"} else host
        self.address = f"http://{shown}:{self._port}"

    def start(self, stack: LocalStack) -> Child:
        """Starts the program, which answers no request until `serve`; returns at once."""
        options = {
            "server.address": self._host,
            "server.port": str(self._port),
            "server.headless": "true",
            "server.fileWatcherType": "auto" if self._is_reloading else "none",
            "browser.gatherUsageStats": "false",
        }
        program = [sys.executable, "-m", "analytics.local.stack.web_app_process"]
        arguments = [str(self._app), *(f"--{name}={value}" for name, value in options.items())]
        self._signal = StartSignal(
            lambda descriptor: stack.child(
                "web app",
                [*program, str(descriptor), *arguments],
                log=stack.log("web"),
                access="read",
                keep_open=[descriptor],
            )
        )
        return self._signal.child

    def serve(self) -> None:
        """Lets the program answer requests; call it once."""
        self._signal.send("begin")

    def is_ready(self) -> bool:
        """True when the server answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return answers(f"http://{host}:{self._port}/_stcore/health")
