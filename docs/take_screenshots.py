"""Takes the pictures of docs/ from a running demo: `make screenshots` while `make run` goes on in another terminal."""

import os
import shutil
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

DIRECTORY = Path(__file__).parent
DESKTOP, PHONE = (1440, 900), (390, 844)
SETTLE_MS = 12_000
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
PAGES = {
    "all-websites": "/all_websites",
    "overview": "/",
    "conversations": "/conversations",
    "ai-and-people": "/ai_and_people",
    "waiting": "/waiting",
    "satisfaction": "/satisfaction",
    "visitors": "/visitors",
    "live": "/live",
    "data-health": "/data_health",
}
QUERIES = {"ai-and-people": "&range=30d"}
"""Parameters of a page: in the last 7 days no resolution is 7 days old."""

WALL = (1920, 1080)


def _take(browser: Browser, address: str, name: str, size: tuple[int, int], scheme: str) -> None:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if size == PHONE else 1,
    )
    page.goto(address)
    page.wait_for_timeout(SETTLE_MS)
    picture = DIRECTORY / f"{name}.png"
    page.screenshot(path=picture)
    click.echo(picture.relative_to(DIRECTORY.parent))
    page.close()


@click.command()
@click.option("--url", default="http://localhost:8501", show_default=True, help="Where the demo runs.")
@click.option(
    "--website", default="northwind-outdoor", show_default=True, help="Slug of the website to show."
)
@click.option(
    "--timezone",
    default="Europe/London",
    show_default=True,
    help="One where it is afternoon shows a fuller day.",
)
def main(url: str, website: str, timezone: str) -> None:
    """Take every page in light, dark and phone size, and the wall."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise click.ClickException("No Chromium: install the package chromium, or set CHROMIUM to its path.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        for name, address in PAGES.items():
            for variant, size, scheme in (
                ("light", DESKTOP, "light"),
                ("dark", DESKTOP, "dark"),
                ("phone", PHONE, "light"),
            ):
                _take(
                    browser,
                    f"{url}{address}?website={website}&tz={timezone}{QUERIES.get(name, '')}",
                    f"{name}-{variant}",
                    size,
                    scheme,
                )
        _take(browser, f"{url}/live?website={website}&tz={timezone}&wall=1", "wall", WALL, "dark")
        browser.close()


if __name__ == "__main__":
    main()
