"""How long from `make run` to the first page, once everything is installed: `python -m benchmarks.first_page`.

Starts the demo on an empty directory, waits for the printed address, opens Overview in headless Chromium and waits
until its five numbers stand; then once more on the same directory, where the demo data is there already.
"""

import signal
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
def main() -> None:
    """Measure a first and a second start, in a directory that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for start, address_aim in ADDRESS_SECONDS.items():
            address_seconds, page_seconds = _start(browser, directory)
            say(Row(f"make run, {start}: the address", address_seconds, "s", address_aim))
            say(Row(f"make run, {start}: five numbers", page_seconds, "s", PAGE_SECONDS))
        browser.close()


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
