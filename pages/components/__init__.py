"""What pages share: chrome, panels, cards, charts, the globe, formatting. No SQL, no HTTP, no metric arithmetic."""

from pathlib import Path
from typing import Final

ASSETS: Final = Path(__file__).parents[2] / "static"
"""Files that the app serves, and those that are read into its pages."""
