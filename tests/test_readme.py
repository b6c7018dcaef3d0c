"""The tables of KPIs and of settings say what the code does."""

import re

from analytics.kpis.declarations import KPIS
from analytics.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
LONGEST = 9_000


def _rows(document: str, heading: str) -> list[list[str]]:
    section = document.split(f"# {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_kpi_table_lists_every_kpi_with_how_it_is_compared() -> None:
    """Title, unit and direction of each KPI, in the order of the cards."""
    expected = [(kpi.title, f"{kpi.unit}, {kpi.direction} is better") for kpi in KPIS.values()]
    assert [(row[0], row[3]) for row in _rows(README, "What the numbers mean")] == expected


def test_the_settings_table_lists_every_variable_and_whether_it_is_needed() -> None:
    """Each variable that the settings read, and no other; the README repeats rows of it, all that are needed among them."""
    needed = {str(field.validation_alias): field.is_required() for field in Settings.model_fields.values()}
    assert {row[0]: row[1] for row in _rows(SETTINGS, "Settings")} == {
        f"`{name}`": "yes" if is_needed else "no" for name, is_needed in needed.items()
    }
    repeated = _rows(README, "Settings")
    assert {row[0] for row in repeated} >= {f"`{name}`" for name, is_needed in needed.items() if is_needed}
    assert [row for row in repeated if row not in _rows(SETTINGS, "Settings")] == []


def test_the_readme_stays_short() -> None:
    """What does not fit is in docs/."""
    assert len(README.encode()) <= LONGEST


def test_the_example_environment_names_the_same_variables() -> None:
    """`.env.example` lists what is set by hand: everything but what the demo sets for itself."""
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert named == {name for name in read if not name.startswith("INBOX_ANALYTICS_DEMO")}
