"""Runs the web app as a child of the stack. Knows its address and how to ask whether it is up, nothing else."""

import http.client
import sys
import urllib.request
from pathlib import Path
from typing import Final

from analytics.local.child import Child
from analytics.local.failure import StackFailure
from analytics.local.stack import ROOT, LocalStack, listen

APP: Final = ROOT / "app.py"


class WebApp:
    """The Streamlit app on one port.

    Attributes:
        address: What to open in a browser.
    """

    def __init__(self, host: str, port: int, app: Path = APP) -> None:
        """Checks that the app is there and the port is free; starts nothing yet.

        Raises:
            StackFailure: It is not.
        """
        if not app.is_file():
            raise StackFailure(
                f"The web app is not at {app}.",
                "Run this from a checkout: an installed package holds no pages.",
            )
        with listen(host, port) as probe:
            self._port: int = probe.getsockname()[1]
        self._host = host
        self._app = app.absolute()
        shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104 - compared only
        self.address = f"http://{shown}:{self._port}"

    def start(self, stack: LocalStack) -> Child:
        """Starts the server; returns at once."""
        options = {
            "server.address": self._host,
            "server.port": str(self._port),
            "server.headless": "true",
            "browser.gatherUsageStats": "false",
        }
        program = [sys.executable, "-m", "streamlit", "run", str(self._app)]
        program += [f"--{name}={value}" for name, value in options.items()]
        return stack.child("web app", program, log=stack.log("web"), is_owner=False)

    def is_ready(self) -> bool:
        """True when the server answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            with urllib.request.urlopen(f"http://{host}:{self._port}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):  # URLError is an OSError
            return False
