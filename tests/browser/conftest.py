"""What the browser tests share: the whole product as `make run` starts it, and headless Chromium.

One demo per test run on free ports; each test has a browser context of its own.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
START_SECONDS = 90
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL without a graphics card, for the globe.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: its address, and the variables of its `env` file."""

    url: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`inbox-analytics demo` on free ports; stopped as a person would, with Ctrl-C."""
    directory = tmp_path_factory.mktemp("demo")
    port = _free_port()
    program = [sys.executable, "-m", "analytics.cli", "demo", "--port", str(port), "--tinybird-port", "0"]
    with (directory / "output.log").open("w") as output:
        process = subprocess.Popen(
            [*program, "--data-dir", str(directory / "data")],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://localhost:{port}"
            _wait_for(url, directory / "data" / "env", process, directory / "output.log")
            env = dict(line.split("=", 1) for line in (directory / "data" / "env").read_text().splitlines())
            yield Demo(url, env)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def web_app(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts web apps of their own on the demo's sources, with other variables; one per set of them. Returns the address."""
    running: dict[tuple[tuple[str, str], ...], tuple[str, subprocess.Popen[bytes]]] = {}

    def start(**other: str) -> str:
        key = tuple(sorted(other.items()))
        if key not in running:
            port = _free_port()
            log = tmp_path_factory.mktemp("web-app") / "output.log"
            program = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
            with log.open("w") as output:
                process = subprocess.Popen(
                    [*program, "--server.address", "127.0.0.1"],
                    cwd=ROOT,
                    env={**os.environ, **demo.env, **other},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            running[key] = f"http://localhost:{port}", process
            _wait_for(running[key][0], log, process, log)
        return running[key][0]

    yield start
    for _address, process in running.values():
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(url: str, env: Path, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if env.exists() and httpx.get(f"{url}/_stcore/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"The demo did not start:\n{output.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Headless Chromium with software WebGL."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("No Chromium: install the package chromium, or set CHROMIUM to its path.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Window:
    """A browser window and what went wrong in it: requests to other hosts, and errors of its scripts."""

    page: Page
    foreign: list[str]
    errors: list[str]


@pytest.fixture
def window(chromium: Browser, demo: Demo) -> Iterator[Callable[..., Window]]:
    """Opens windows, each like a new visitor's: path, then size, colour scheme, and the web app where not the demo's."""
    contexts: list[BrowserContext] = []

    def open_window(
        path: str, *, width: int = 1440, height: int = 1000, scheme: str = "light", at: str = demo.url
    ) -> Window:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id="Europe/London",
        )
        contexts.append(context)
        page = context.new_page()
        foreign: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: None if _is_own(request.url, at) else foreign.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(at + path)
        return Window(page, foreign, errors)

    yield open_window
    for context in contexts:
        context.close()


def _is_own(address: str, own: str) -> bool:
    return address.startswith((own, own.replace("http", "ws", 1), "data:", "blob:"))
