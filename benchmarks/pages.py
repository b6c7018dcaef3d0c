"""How fast pages open and change, beside a bare Streamlit page in the same run: `python -m benchmarks.pages`.

Both apps run at once, each in a process of its own, on a local stack with demo data; repeats alternate between them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from secrets import token_hex
from typing import Final

import click
import httpx2
from playwright.sync_api import Browser, Page, sync_playwright
from websockets.exceptions import WebSocketException

from analytics import cached
from benchmarks.faults import PAGES
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import ROOT, local_stack, processor_seconds
from benchmarks.harness.viewer import Viewer
from benchmarks.soak import SETTLE_SECONDS
from tests.web_apps import chromium_path, free_port, wait_for

WEBSITE: Final = "website=northwind-outdoor"
RANGES: Final = ("7d", "10d")
"""A page opens with the first one."""
BARE: Final = "a bare page"
TOKEN: Final = token_hex(16)
CHANGE_SECONDS: Final = 10.0
"""How often each session changes its range of dates."""
CHANGES: Final = 3
"""How often each session does so; one alone ten times as often and as many times, so that its p95 is not its worst."""
RUN_SECONDS: Final = 60.0
"""A run that has not ended by then is lost."""

KPIS: Final = "[data-testid=stMetricValue]"
FIRST_KPI: Final = """new MutationObserver((_, watch) => {
  if (!document.querySelector('[data-testid=stMetricValue]')) return
  watch.disconnect()
  requestAnimationFrame(() => requestAnimationFrame(() => { window.firstKpi = performance.now() }))
}).observe(document, { subtree: true, childList: true })"""
"""Notes in the page when the frame with the first KPI was painted: what comes next may keep a look from outside waiting."""

LAST_CHANGE: Final = """window.lastChange = 0
const note = () => { window.lastChange = performance.now() }
new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); this.addEventListener('message', note) }
}"""
"""Notes when the page last changed or heard from the server: a bare rerun ends before a frame of it would be drawn."""

QUIET: Final = """() => document.querySelector('[data-test-script-state=notRunning]') && performance.now() - window.lastChange > 400"""
"""Whether nothing has happened for longer than a run is silent in between."""

STILL: Final = """() => document.querySelector('[data-test-script-state=notRunning]')
  && !document.querySelector('[data-testid=stSkeleton]')
  && [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(chart => chart.querySelector('.main-svg .xtick'))"""
"""Whether a page is whole: its run has ended, and each of its charts has its axis."""


@dataclass(frozen=True, slots=True)
class App:
    """A running web app.

    Attributes:
        address: Host and port.
        pid: Its process.
    """

    address: str
    pid: int

    def memory_mb(self) -> float:
        """Resident memory."""
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
        )
        return int(status["VmRSS"].split()[0]) / 1024

    def reads(self) -> float:
        """How often the sources were read since the process started."""
        url, headers = f"http://{self.address}/metrics", {"Authorization": f"Bearer {TOKEN}"}
        text = httpx2.get(url, headers=headers, timeout=10).raise_for_status().text
        counts = [
            line for line in text.splitlines() if line.startswith("inbox_analytics_source_seconds_count")
        ]
        return sum(float(line.rpartition(" ")[2]) for line in counts)


@click.command()
@click.option(
    "--repeats", default=7, show_default=True, help="How often each page is opened and drawn again."
)
@click.option("--opened", default=100, show_default=True, help="Sessions that are opened and closed.")
def main(repeats: int, opened: int) -> None:
    """Measure in a directory that is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory)) as stack,
        served("asgi_app.py", {**stack.env, "INBOX_ANALYTICS_METRICS_TOKEN": TOKEN}, Path(directory)) as ours,
        served("benchmarks/harness/bare_page.py", {}, Path(directory)) as bare,
    ):
        rows = chain(
            _upstream_calls(ours),
            _opens(ours, bare, repeats),
            _runs(ours, repeats),
            _changes(ours, bare, repeats),
            _sessions(ours),
            _waiting(ours),
            _memory(ours, opened),
        )
        for row in rows:
            say(row)


@contextmanager
def served(script: str, env: Mapping[str, str], directory: Path) -> Iterator[App]:
    """Runs a web app on a free port; its log goes into the directory."""
    port, log = free_port(), directory / f"{Path(script).stem}.log"
    program = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*program, "--server.address", "127.0.0.1"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", log, process, log)
        yield App(f"localhost:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def _upstream_calls(ours: App) -> Iterator[Row]:
    """Reads of the sources for one viewer of a website, then for twenty of another, each at once and with nothing cached."""
    reads = []
    for website, viewers in (("northwind-outdoor", 1), ("tea-classes", 20)):
        before = ours.reads()
        with ThreadPoolExecutor(viewers) as tabs:
            for tab in [
                tabs.submit(open_tab, ours, "overview", f"website={website}") for _ in range(viewers)
            ]:
                tab.result().close()
        reads.append(ours.reads() - before)
    yield Row("reads of the sources, 20 viewers of Overview", reads[1], "", 1.0, reads[0], "1 viewer")


def _opens(ours: App, bare: App, repeats: int) -> Iterator[Row]:
    """Cold opens in a browser without a cache, of a server that is warm."""
    firsts: dict[App, list[float]] = {ours: [], bare: []}
    wholes: dict[App, list[float]] = {ours: [], bare: []}
    megabytes = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for _ in range(repeats):
            for app in (bare, ours):
                first, whole, received = _opened_cold(browser, app)
                firsts[app].append(first)
                wholes[app].append(whole)
                if app is ours:
                    megabytes.append(received)
        browser.close()
    for what, seconds, aim in (("first KPI", firsts, 1.3), ("whole of Overview", wholes, 1.8)):
        medians = [statistics.median(seconds[app]) for app in (ours, bare)]
        yield Row(f"cold open to the {what}", medians[0], "s", aim, medians[1], BARE)
    yield Row("bytes of a cold open", statistics.median(megabytes), "MB", 2.6)


def _opened_cold(browser: Browser, app: App) -> tuple[float, float, float]:
    """Seconds until the first KPI and until the page is whole, and the megabytes that came."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, received = context.new_page(), [0.0]
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.set_default_timeout(RUN_SECONDS * 1000)
    page.add_init_script(FIRST_KPI)
    page.goto(f"http://{app.address}/?{WEBSITE}", wait_until="commit")
    page.locator(KPIS).nth(4).wait_for()
    page.wait_for_function(STILL)
    whole_ms, first_ms = page.evaluate("[performance.now(), window.firstKpi]")
    page.wait_for_timeout(500)
    context.close()
    return first_ms / 1000, whole_ms / 1000, sum(received) / 1e6


def _runs(ours: App, repeats: int) -> Iterator[Row]:
    """Pages that are drawn again, warm."""
    for page in PAGES:
        viewer = open_tab(ours, page, WEBSITE)
        cost = statistics.median(rerun_cost(ours, viewer) for _ in range(repeats))
        yield Row(f"processor time of a warm rerun, {page}", cost, "s", 0.12)
        viewer.close()


def _changes(ours: App, bare: App, repeats: int) -> Iterator[Row]:
    """A click on another range of dates, in two open browser pages that saw it before, and a rerun of the bare page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page, yardstick = (_opened_and_noted(browser, app) for app in (ours, bare))
        ranges = [page.get_by_role("radio", name=name, exact=True) for name in ("30 d", "7 d")]
        for each in ranges:
            _seconds_until_quiet(page, each.click)  # from now on cached
        waits = [
            (
                _seconds_until_quiet(page, ranges[repeat % 2].click),
                _seconds_until_quiet(yardstick, lambda: yardstick.keyboard.press("r")),
            )
            for repeat in range(repeats * 2)
        ]
        browser.close()
    seconds, beside = (statistics.median(each) for each in zip(*waits, strict=True))
    yield Row("range change in the browser, warm", seconds, "s", 2.0, beside, "rerun of " + BARE)


def _opened_and_noted(browser: Browser, app: App) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(RUN_SECONDS * 1000)
    page.add_init_script(LAST_CHANGE)
    page.goto(f"http://{app.address}/?{WEBSITE}")
    page.locator(KPIS).nth(4).wait_for()
    page.wait_for_function(STILL)
    page.wait_for_function(QUIET)
    return page


def _seconds_until_quiet(page: Page, act: Callable[[], object]) -> float:
    """From an act of the viewer until nothing changes any more."""
    began = page.evaluate("performance.now()")
    act()
    page.wait_for_function(f"(began) => window.lastChange > began && ({QUIET})()", arg=began)
    return float(page.evaluate("window.lastChange") - began) / 1000


def _sessions(ours: App) -> Iterator[Row]:
    """Sessions on the same website, a range change each every 10 s; one alone is the yardstick."""
    alone, first = 0.0, open_tab(ours, "overview", WEBSITE)
    for name in RANGES:
        _changed(first, name)  # from now on cached
    first.close()
    for count in (1, 10, 30, 50):
        often = 10 if count == 1 else 1
        with ThreadPoolExecutor(count) as tabs:
            opened = list(tabs.map(lambda _: open_tab(ours, "overview", WEBSITE), range(count)))
            began = time.monotonic()
            visits = [
                tabs.submit(_visit, viewer, began + each * CHANGE_SECONDS / count, often)
                for each, viewer in enumerate(opened)
            ]
            waits = sorted(wait for visit in visits for wait in visit.result())
        p95 = waits[int(len(waits) * 0.95)]
        if count == 1:
            alone = p95
        yield Row(f"range change, p95 of {count} sessions", p95, "s", 3.0, alone, "1 session")
        yield Row(f"lost runs of {count} sessions", sum(wait >= RUN_SECONDS for wait in waits), "", 0.5)


def _visit(viewer: Viewer, begins_at: float, often: int) -> Sequence[float]:
    """Seconds of each range change; a lost one counts as `RUN_SECONDS`."""
    waits = []
    for turn in range(CHANGES * often):
        viewer.look(begins_at + (turn + 1) * CHANGE_SECONDS / often - time.monotonic())
        try:
            waits.append(_changed(viewer, RANGES[1 - turn % 2]))
        except WebSocketException:
            waits.append(RUN_SECONDS)
    viewer.close()
    return waits


def _waiting(ours: App) -> Iterator[Row]:
    """Reads of the sources for one viewer of Waiting, then for fifty of another website, until the lists are read again."""
    reads = []
    for website, viewers in (("tea-classes", 1), ("northwind-outdoor", 50)):
        before = ours.reads()
        with ThreadPoolExecutor(viewers) as pool:
            query = f"website={website}"
            tabs = list(pool.map(lambda _, query=query: open_tab(ours, "waiting", query), range(viewers)))
            list(pool.map(lambda tab: tab.look(cached.WAITING_REFRESH_SECONDS + 5), tabs))
        for tab in tabs:
            tab.close()
        reads.append(ours.reads() - before)
    yield Row("reads of the sources, 50 viewers of Waiting", reads[1], "", 1.0, reads[0], "1 viewer")


def _memory(ours: App, opened: int) -> Iterator[Row]:
    """Memory of sessions that are open, and after many were opened and closed."""
    open_tab(ours, "overview", WEBSITE).close()
    time.sleep(SETTLE_SECONDS)
    before, more = ours.memory_mb(), 50
    tabs = [open_tab(ours, "overview", WEBSITE) for _ in range(more)]
    yield Row(f"memory of a session, mean of {more}", (ours.memory_mb() - before) / more, "MB", 3.0)
    for tab in tabs:
        tab.close()
    with ThreadPoolExecutor(10) as pool:
        for tab in pool.map(lambda _: open_tab(ours, "overview", WEBSITE), range(opened)):
            tab.close()
    time.sleep(SETTLE_SECONDS)
    open_tab(ours, "overview", WEBSITE).close()
    yield Row(
        f"memory after {opened:,} sessions more", ours.memory_mb(), "MB", 1.1, before, "the memory before"
    )


def open_tab(app: App, page: str, query: str = "") -> Viewer:
    """A tab whose page has ended its run."""
    viewer = Viewer(app.address, page, query)
    viewer.look(RUN_SECONDS, viewer.is_settled)
    return viewer


def _drawn_again(viewer: Viewer, query: str | None = None) -> float:
    """Seconds that it takes; a lost run counts as `RUN_SECONDS`."""
    viewer.again(query)
    viewer.look(RUN_SECONDS, viewer.is_settled)
    return RUN_SECONDS if viewer.settled_seconds is None else viewer.settled_seconds


def _changed(viewer: Viewer, name: str) -> float:
    return _drawn_again(viewer, f"{WEBSITE}&range={name}")


def rerun_cost(app: App, viewer: Viewer) -> float:
    """Processor seconds of the server until an open page is drawn again."""
    before = processor_seconds(app.pid)
    _drawn_again(viewer)
    time.sleep(0.15)  # what goes on after the last message: the server still sends and cleans up
    return processor_seconds(app.pid) - before


if __name__ == "__main__":
    main()
