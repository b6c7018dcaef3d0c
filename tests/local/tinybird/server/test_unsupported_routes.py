"""The list of refused addresses, beside what is served and what the documentation says."""

import re

from analytics.local.tinybird.server.unsupported_routes import UNSUPPORTED
from tests.local.tinybird_server import ROOT


def test_the_documentation_lists_exactly_what_is_refused() -> None:
    """The table of docs/local-server.md, line by line."""
    text = (ROOT / "docs" / "local-server.md").read_text()
    listed = re.findall(r"^\| ([A-Za-z, ]+) \| `(/v[01]/[^`]+)` \|$", text, re.MULTILINE)
    assert listed == [
        (
            "any" if methods == "*" else ", ".join(methods.split()),
            path.replace("{rest:path}", "…").replace("{", "<").replace("}", ">"),
        )
        for methods, path, _ in UNSUPPORTED
    ]
