"""Components that pages share: page frame, panels, cards, charts, exports, formatting. No SQL, no HTTP, no KPI arithmetic."""

from pathlib import Path
from typing import Final

ASSETS: Final = Path(__file__).parents[2] / "static"
"""Folder of the files that the app serves or embeds in its pages."""
