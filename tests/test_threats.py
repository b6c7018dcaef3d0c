"""docs/threats.md names tests that exist, in rows that say all three things."""

import re

import pytest

from tests.conftest import ROOT

THREATS = (ROOT / "docs" / "threats.md").read_text()


def rows() -> list[list[str]]:
    """The cells of every row of every table, without headings."""
    lines = [line for line in THREATS.splitlines() if line.startswith("| ")]
    split = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in split if row[0] != "Threat or failure"]


def test_every_row_says_what_happens_and_names_a_test() -> None:
    """Three cells; in the last one tests and nothing else."""
    assert len(rows()) > 40
    for row in rows():
        assert len(row) == 3, row
        assert all(row), row
        assert re.fullmatch(r"`tests/\S+::test_\w+`(, `tests/\S+::test_\w+`)*", row[2]), row[2]


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/\S+::test_\w+)`", THREATS))))
def test_every_test_that_it_names_exists(named: str) -> None:
    """In that file, under that name."""
    path, _, name = named.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), named
