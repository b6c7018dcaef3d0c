"""The README's tables say what the code does."""

import re
from pathlib import Path

import pytest

from analytics.kpis.metrics import DIRECTIONS, KPI_ORDER, UNITS
from analytics.settings import Settings
from pages.components.metrics.kpi_cards import WORDING
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def _rows(heading: str) -> list[list[str]]:
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_kpi_table_lists_every_kpi_with_how_it_is_compared() -> None:
    """Title, unit and direction of each KPI, in the order of the cards."""
    expected = [(WORDING[key].title, f"{UNITS[key]}, {DIRECTIONS[key]} is better") for key in KPI_ORDER]
    assert [(row[0], row[3]) for row in _rows("What the numbers mean")] == expected


def test_the_settings_table_lists_every_variable_and_whether_it_is_needed() -> None:
    """Each variable that the settings read, and no other."""
    expected = {
        f"`{field.validation_alias}`": "yes" if field.is_required() else "no"
        for field in Settings.model_fields.values()
    }
    assert {row[0]: row[1] for row in _rows("Settings")} == expected


DELETES = re.compile(r"--yes\b|\brm -|\btruncate\b|DROP (TABLE|DATABASE|ROLE)|DELETE FROM", re.IGNORECASE)
DOCUMENTS = sorted(
    path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md"))
)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_deletes_when_it_is_pasted_whole(path: Path) -> None:
    """What deletes for good is written in a sentence, and is run by hand after what only counts."""
    blocks = re.findall(r"^ *```.*?^ *```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert [block for block in blocks if DELETES.search(block)] == []


def test_the_example_environment_names_the_same_variables() -> None:
    """`.env.example` lists what is set by hand: everything but what the demo sets for itself."""
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert named == {name for name in read if not name.startswith("INBOX_ANALYTICS_DEMO")}
