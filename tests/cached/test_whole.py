"""Whole lists in pages: every row once, none twice, and no more than a file holds."""

from collections.abc import Callable

import pandas as pd
import pytest

from analytics.cached import whole
from analytics.cached.whole import Whole


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "PAGE_ROWS", 3)
    monkeypatch.setattr(whole, "ROW_LIMIT", 8)


def source(rows: list[str]) -> Callable[[int], pd.DataFrame]:
    """Answers in pages, with the number of all rows."""

    def ask(offset: int) -> pd.DataFrame:
        page = rows[offset : offset + 3]
        return pd.DataFrame({"id": pd.Series(page, dtype="str"), "total": len(rows)})

    return ask


def ids(found: Whole) -> list[str]:
    """All rows, put together."""
    return [name for page in found.pages for name in page["id"]]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 8, 9, 20])
@pytest.mark.parametrize("has_total", [True, False])
def test_every_row_comes_once_up_to_the_limit(count: int, has_total: bool) -> None:
    """Also where the last page is full; what is past the limit is said."""
    rows = [f"r{number}" for number in range(count)]
    found = whole.whole(source(rows), "id", has_total=has_total)
    assert ids(found) == rows[:8]
    assert found.is_cut == (count > 8)
    assert found.total == (count if has_total or count < 3 else None)


def test_a_row_that_comes_in_meanwhile_moves_none_into_the_file_twice() -> None:
    """It stands in front of all, so that the page after begins with a row of the page before."""
    rows = ["a", "b", "c", "d", "e"]
    found = whole.whole(source(rows), "id")
    first = next(found.pages)
    rows.insert(0, "new")
    assert [*first["id"], *ids(found)] == ["a", "b", "c", "d", "e"]


def test_the_first_page_is_changed_at_once() -> None:
    """What fails in it fails before a file has begun."""

    def fail(_rows: pd.DataFrame) -> pd.DataFrame:
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        whole.mapped(whole.whole(source(["a"]), "id"), fail)
