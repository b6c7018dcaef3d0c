"""KPIs and live visitors of a customer-support inbox: everything but the pages."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
ROOT: Final = _PACKAGE / "_app" if (_PACKAGE / "_app").is_dir() else _PACKAGE.parent
"""Directory of `app.py`, `pages/`, `static/` and `tinybird/`: the checkout, or their copy within an installed package."""
