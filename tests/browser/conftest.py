"""What the browser tests share: the whole product as `make run` starts it, and headless Chromium.

One demo per test run on free ports. Everything ends with the last browser test: Playwright keeps an event loop in its thread,
in which no other test could run one.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.web_apps import SOFTWARE_WEBGL, chromium_path, free_port, wait_for

ROOT = Path(__file__).parents[2]
QUIET_WEBSITES = 16
STOP_SECONDS = 90  # on a machine that is busy with other tests
WAIT_MS = 60_000
"""How long anything is waited for: it is there in a second or two, but a machine that is busy with other tests takes longer."""

expect.set_options(timeout=WAIT_MS)
CHROMIUM_FLAGS = [
    "--font-render-hinting=none",  # the headless shell would hint, and text be wider on the page than in a picture
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *SOFTWARE_WEBGL,  # for the globe
    # ... and for the globe alone: drawing the rest of the page that way took half of a page's time.
    "--disable-gpu-compositing",
    # Windows of one visitor share a process: what it has compiled of Streamlit's frontend is a third of a page's time.
    "--process-per-site",
    # ... and it compiles from that: reading scripts a second time in threads beside it cost a tenth of a page's time.
    "--js-flags=--no-script-streaming",
]
SIGN_IN = {
    "INBOX_ANALYTICS_DEMO": "0",
    "INBOX_ANALYTICS_PUBLIC_URL": "http://localhost:1",
    "INBOX_ANALYTICS_OIDC_METADATA_URL": "http://localhost:1/.well-known/openid-configuration",
    "INBOX_ANALYTICS_OIDC_CLIENT_ID": "dashboard",
    "INBOX_ANALYTICS_OIDC_CLIENT_SECRET": "dashboard",
    "INBOX_ANALYTICS_COOKIE_SECRET": "0123456789abcdef0123456789abcdef",
}
"""Variables of a web app that asks people to sign in, at a provider that is not there."""

BARE_GLOBE = """{
  for (const name of ['drawArrays', 'drawElements', 'drawArraysInstanced', 'drawElementsInstanced']) {
    const draw = WebGL2RenderingContext.prototype[name]
    WebGL2RenderingContext.prototype[name] = function (...what) { if (window.outlines) draw.apply(this, what) }
  }
  const real = window.fetch
  window.fetch = (what, ...how) => {
    const [, layer] = /(countries|borders)(_far)?\\.geojson$/.exec(String(what?.url ?? what)) ?? []
    return layer && !window.outlines?.includes(layer)
      ? Promise.resolve(Response.json({type: 'FeatureCollection', features: []})) : real(what, ...how)
  }
}"""
SPHERE = "window.outlines = []"
LAND = "window.outlines = ['countries']"
OUTLINES = "window.outlines = ['countries', 'borders']"
"""Scripts for a window whose globe is drawn: without land, with it, with borders too. See `new_visitor`."""

VIOLATIONS = """addEventListener('securitypolicyviolation', found =>
  console.error(`Against the policy: ${found.effectiveDirective} ${found.blockedURI} ${found.sourceFile}`))"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo.

    Attributes:
        url: Its address.
        env: The variables of its `env` file.
        quiet_websites: Ids, which are slugs too, of websites that the demo sends nothing for.
    """

    url: str
    env: dict[str, str]
    quiet_websites: Iterator[str]


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`inbox-analytics demo` on free ports; stopped as a person would, with Ctrl-C."""
    directory = tmp_path_factory.mktemp("demo")
    port = free_port()
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
            wait_for(url, directory / "data" / "env", process, directory / "output.log")
            env = dict(line.split("=", 1) for line in (directory / "data" / "env").read_text().splitlines())
            yield Demo(url, env, iter(_add_quiet_websites(env["INBOX_ANALYTICS_LOCAL_OWNER_URL"])))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=STOP_SECONDS)


def _add_quiet_websites(owner_url: str) -> list[str]:
    """Websites without visitors or conversations; last by name, so never the default.

    They are there before any page is opened: a page may remember for some seconds which websites there are.
    """
    slugs = [f"quiet-{number}" for number in range(QUIET_WEBSITES)]
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "INSERT INTO website (id, name, slug, domain, organization_id, created_at) "
            "SELECT quiet, 'Zz ' || quiet, quiet, quiet || '.example', organization_id, now() "
            "FROM website, unnest(%s::text[]) AS quiet WHERE slug = 'northwind-outdoor'",
            (slugs,),
        )
    return slugs


@pytest.fixture
def quiet_website(demo: Demo) -> str:
    """Id and slug of a website that no other test sends events for or reads."""
    return next(demo.quiet_websites)


@pytest.fixture(scope="package")
def web_app(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts web apps of their own on the demo's sources, with other variables or another file; one each. Returns the address."""
    running: dict[tuple[Path, str, tuple[tuple[str, str], ...]], tuple[str, subprocess.Popen[bytes]]] = {}

    def start(served: Path = ROOT / "asgi_app.py", base: str = "", **other: str) -> str:
        key = served, base, tuple(sorted(other.items()))
        if key not in running:
            port = free_port()
            log = tmp_path_factory.mktemp("web-app") / "output.log"
            program = [sys.executable, "-m", "streamlit", "run", str(served), "--server.port", str(port)]
            with log.open("w") as output:
                process = subprocess.Popen(
                    [*program, "--server.address", "127.0.0.1", "--server.baseUrlPath", base],
                    cwd=ROOT,
                    env={**os.environ, **demo.env, **other},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            running[key] = f"http://localhost:{port}{base}", process
            wait_for(running[key][0], log, process, log)
        return running[key][0]

    yield start
    for _address, process in running.values():
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Headless Chromium with software WebGL."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Window:
    """A browser window and what went wrong in it.

    Attributes:
        page: What it shows.
        foreign: Requests to other hosts.
        errors: What its console calls an error, and what the content security policy kept from loading or running.
    """

    page: Page
    foreign: list[str]
    errors: list[str]


def new_visitor(chromium: Browser) -> BrowserContext:
    """A browser with cookies and a cache of its own, without what costs much and shows nothing.

    Animations take a third of a page's processor time. Without a graphics card a frame of the globe takes a third of a second,
    with land and its 22,000 border lines a second and more: a window draws it where it runs `SPHERE`, `LAND` or `OUTLINES`.
    """
    context = chromium.new_context(timezone_id="Europe/London", reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(VIOLATIONS)
    context.add_init_script(BARE_GLOBE)
    return context


def lasting_visitor(chromium: Browser, url: str) -> BrowserContext:
    """A visitor of a web app whose first window stays open, so that the process of the site does: see `CHROMIUM_FLAGS`."""
    context = new_visitor(chromium)
    context.new_page().goto(f"{url}/_stcore/health")
    return context


@pytest.fixture(scope="package")
def visitor(chromium: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """One browser that has Streamlit's own files in its cache: reading them anew was half of a page's time."""
    context = lasting_visitor(chromium, demo.url)
    yield context
    context.close()


@contextmanager
def windows(visitor: BrowserContext, demo: Demo) -> Iterator[Callable[..., Window]]:
    """Opens windows of a visitor: path, then size, colour scheme, a script to run first, and the web app where not the demo's.

    No test has to say that its windows went without an error and without a request to another host: this does.
    """
    opened: list[Window] = []

    def open_window(
        path: str,
        *,
        width: int = 1440,
        height: int = 1000,
        scheme: str = "light",
        script: str = "",
        at: str = demo.url,
    ) -> Window:
        page = visitor.new_page()
        page.add_init_script(script)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        foreign: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: None if _is_own(request.url, at) else foreign.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(_console_text(said)) if said.type == "error" else None)
        opened.append(Window(page, foreign, errors))
        page.goto(at + path)
        return opened[-1]

    yield open_window
    for each in opened:
        each.page.evaluate("localStorage.clear()")
        each.page.close()
    visitor.clear_cookies()
    assert [error for each in opened for error in each.errors] == []
    assert [address for each in opened for address in each.foreign] == []


@pytest.fixture
def window(visitor: BrowserContext, demo: Demo) -> Iterator[Callable[..., Window]]:
    """Opens windows for one test; see `windows`."""
    with windows(visitor, demo) as open_window:
        yield open_window


def _console_text(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location['url']})"


def _is_own(address: str, own: str) -> bool:
    return address.startswith((own, own.replace("http", "ws", 1), "data:", "blob:"))
