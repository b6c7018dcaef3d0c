"""A frame of the globe without a graphics card, beside one of its sea alone: `python -m benchmarks.globe`.

Headless Chromium draws WebGL with the processor, as a wall screen or a virtual desktop may.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Final

import click
from playwright.sync_api import sync_playwright

from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import local_stack
from benchmarks.pages import WEBSITE, served
from tests.browser.globe_view import DECK, GLOBE, wait_until_drawn
from tests.web_apps import SOFTWARE_WEBGL, chromium_path

FRAME: Final = """layers => {
  const deck = (DECK)(), canvas = document.querySelector('GLOBE'), gl = canvas.getContext('webgl2')
  deck.setProps({layerFilter: layers && (({layer}) => layers.some(name => layer.id.startsWith(name)))})
  const began = performance.now()
  deck.redraw('benchmark')
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4))  // waits until it is drawn
  return (performance.now() - began) / 1000
}""".replace("DECK", DECK).replace("GLOBE", GLOBE)
SEA: Final = ["ocean"]
FRAMES: Final = 15


@click.command()
def main() -> None:
    """Print the time of a frame of Live's globe with demo data."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory)) as stack,
        served("asgi_app.py", stack.env, Path(directory)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", *SOFTWARE_WEBGL]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"http://{app.address}/live?{WEBSITE}")
        wait_until_drawn(page)
        seconds = {name: [0.0] for name in ("whole", "sea")}
        for _ in range(FRAMES):
            seconds["sea"].append(page.evaluate(FRAME, SEA))
            seconds["whole"].append(page.evaluate(FRAME, None))
        whole, sea = (statistics.median(seconds[name][2:]) for name in ("whole", "sea"))
        browser.close()
    say(Row("a frame of the globe without a graphics card", whole, "s", 0.25))
    say(Row("the same", whole, "s", 2.0, sea, "its sea alone"))


if __name__ == "__main__":
    main()
