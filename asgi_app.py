"""What the web server runs: `app.py`, as `streamlit run asgi_app.py`.

Owns what Streamlit itself decides otherwise: where the frontend looks for its server, and what a viewer reads after an
error that nobody foresaw. Knows of the pages only what they are called.

The frontend takes the address that it was opened at for the server's, and asks the parent only after that failed: a link
straight to `/live` stood in the console with two answers 404, and waited half a second. So a page's document says which.
"""

from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit.file_util import get_static_dir

PAGES = sorted(path.stem for path in (Path(__file__).parent / "pages").glob("*.py"))
# Next to the page, so that it holds behind a proxy that serves the app under a prefix.
SERVER = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href}</script>'


async def document(_request: Request) -> HTMLResponse:
    """Streamlit's own document, told where its server is; never from a cache, as Streamlit's is not."""
    text = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace("<head>", f"<head>{SERVER}", 1), headers={"Cache-Control": "no-cache"})


def on_script_error(_error: Exception) -> bool:
    """Shows the project's words in place of Streamlit's; the error itself stands in the log. Always True: it is said."""
    # Loaded here: what caches needs a running server, and this file is read before there is one.
    from pages.components import panel

    panel.defect()
    return True


app = st.App(
    Path(__file__).with_name("app.py"),
    routes=[Route(f"/{name}", document) for name in PAGES],
    on_script_error=on_script_error,
)
