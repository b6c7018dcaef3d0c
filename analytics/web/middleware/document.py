"""Builds the HTML document of the pages: Streamlit's own with our title, icon, style and script. Pure."""

from __future__ import annotations

import re
from typing import Final

_TITLE: Final = re.compile(r"<title>.*?</title>", re.DOTALL)
_ICON: Final = "./favicon.png"
_NOSCRIPT: Final = re.compile(r"<noscript>.*?</noscript>", re.DOTALL)


def our_document(streamlits: str, script: str, style: str) -> str:
    """Replaces title, icon and noscript text of Streamlit's document and adds a script and a style.

    Args:
        streamlits: `index.html` of the installed frontend.
        script: Runs before the frontend.
        style: Applies before the frontend has loaded, and after its styles, which it adds to the head.

    >>> own = "<head><title>Streamlit</title></head><body><noscript>Theirs</noscript></body>"
    >>> print(our_document(own, "run()", "a {}"))
    <head><script>run()</script><title>Inbox Analytics</title></head><body><noscript>Inbox Analytics needs JavaScript. \
Allow it for this address and reload the page.</noscript><style>a {}</style></body>
    """
    words = "Inbox Analytics needs JavaScript. Allow it for this address and reload the page."
    document = streamlits.replace("<head>", f"<head><script>{script}</script>", 1)
    document = document.replace("</body>", f"<style>{style}</style></body>", 1)
    document = document.replace(_ICON, "./app/static/icon.png")
    document = _TITLE.sub("<title>Inbox Analytics</title>", document, count=1)
    return _NOSCRIPT.sub(f"<noscript>{words}</noscript>", document)
