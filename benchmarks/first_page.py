"""How long from `make run` to the first page, once everything is installed: `python benchmarks/first_page.py`.

Starts the demo on an empty directory, waits for the printed address, opens Overview in headless Chromium and waits
until its five numbers stand; then once more on the same directory, where the demo data is there already.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
CARDS = ("median_response", "median_resolution", "ai_handled", "satisfaction", "unique_visitors")
AIM_SECONDS = 15.0


@click.command()
def main() -> None:
    """Measure a first and a second start, in a directory that is deleted afterwards."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for start in ("first start, demo data made", "second start"):
            address_seconds, page_seconds = _start(browser, directory)
            click.echo(
                f"{start:30} address after {address_seconds:5.1f} s, five numbers after {page_seconds:5.1f} s   "
                f"{page_seconds / AIM_SECONDS:.2f} of the {AIM_SECONDS:.0f} s it may take"
            )
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
        page.goto(address)
        for card in CARDS:
            page.locator(f".st-key-kpi-{card} [data-testid=stMetricValue]").wait_for(timeout=120_000)
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
