"""Starts web apps of their own on loopback, as `streamlit run` does, and finds the browser that opens them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[1]
START_SECONDS = 90
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
SOFTWARE_WEBGL = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
"""Flags of Chromium: WebGL without a graphics card."""


def chromium_path() -> str | None:
    """The program that `CHROMIUM` names, or the first that is installed; None: the one that Playwright installed.

    The headless shell costs a sixth less than the whole browser.
    """
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def free_port() -> int:
    """A port of this machine that no server listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, env: Path, process: subprocess.Popen[bytes], output: Path) -> None:
    """Waits until the web app answers; fails with its output when it ends before.

    Args:
        url: its address.
        env: a file that is there once its sources are.
        process: the web app.
        output: its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if env.exists() and httpx2.get(f"{url}/_stcore/health", timeout=2).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"The demo did not start:\n{output.read_text()}")


@contextmanager
def web_app(port: int, env: Mapping[str, str], log: Path, base: str = "") -> Iterator[str]:
    """A web app on that port.

    Args:
        port: A free one.
        env: Its variables, beside those of this process that are not the product's.
        log: The file that its output is added to.
        base: What its addresses begin with; empty, or with a slash before it.

    Yields:
        Where it is, without a slash at its end.
    """
    program = [sys.executable, "-m", "streamlit", "run", "asgi_app.py", "--server.port", str(port)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
    with log.open("a") as output:
        process = subprocess.Popen(
            [*program, "--server.address", "127.0.0.1", "--server.baseUrlPath", base],
            cwd=ROOT,
            env={**own, **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://localhost:{port}{base}", log, process, log)
        yield f"http://localhost:{port}{base}"
    finally:
        process.terminate()
        process.wait(timeout=30)
