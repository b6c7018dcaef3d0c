"""How long from `make run` to the first page, once everything is installed: `python -m benchmarks.first_page`.

Starts the demo on an empty directory, waits for the printed address, opens Overview in headless Chromium and waits
until its five numbers stand; then once more on the same directory, where the demo data is there already. Prints medians of
three such pairs.
"""

import signal
import statistics
import subprocess
import sys
import tempfile
import time

import click
from playwright.sync_api import Browser, sync_playwright

from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import ROOT
from benchmarks.pages import KPIS
from tests.web_apps import chromium_path

ADDRESS_SECONDS = {"first start": 8.0, "second start": 2.0}
"""Most that it may take until the address stands there."""
PAGE_SECONDS = 15.0


@click.command()
@click.option("--repeats", default=3, show_default=True, help="How often both are started.")
def main(repeats: int) -> None:
    """Measure first and second starts, in directories that are deleted afterwards."""
    seconds: dict[str, list[tuple[float, float]]] = {start: [] for start in ADDRESS_SECONDS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for _ in range(repeats):
            with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory:
                for taken in seconds.values():
                    taken.append(_start(browser, directory))
        browser.close()
    for start, address_aim in ADDRESS_SECONDS.items():
        address, page = (statistics.median(each) for each in zip(*seconds[start], strict=True))
        say(Row(f"make run, {start}: the address", address, "s", address_aim))
        say(Row(f"make run, {start}: five numbers", page, "s", PAGE_SECONDS))


def _start(browser: Browser, directory: str) -> tuple[float, float]:
    """Seconds until the address is printed, and until the five numbers of Overview are seen."""
    began = time.monotonic()
    program = [sys.executable, "-m", "analytics.cli", "demo", "--port", "0", "--tinybird-port", "0"]
    process = subprocess.Popen(
        [*program, "--data-dir", directory],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address = _printed_address(process)
        address_seconds = time.monotonic() - began
        page = browser.new_page()
        page.goto(f"{address}/?website=northwind-outdoor")  # staff start on All websites
        page.locator(KPIS).nth(4).wait_for(timeout=60_000)
        page_seconds = time.monotonic() - began
        page.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()
    return address_seconds, page_seconds


def _printed_address(process: "subprocess.Popen[str]") -> str:
    printed = []
    for line in process.stdout or ():
        printed.append(line)
        if "runs at " in line:
            return line.rsplit("runs at ", 1)[1].strip()
    sys.exit("The demo did not start:\n" + "".join(printed))


if __name__ == "__main__":
    main()
