"""One form for a country's code: two capital letters, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.geo.country_codes import NOT_COUNTRIES, folded


@pytest.mark.parametrize(
    "code", ["XX", "T1", "A1", "A2", "EU", "AP", "xx", "eu", "", "D", "USA", "D1", "ß", "ÄÖ", "DE\n", " D"]
)
def test_what_is_no_country_is_not_known(code: str) -> None:
    """Codes of edge networks for what is no country, and everything that is not two letters."""
    assert folded(code) == ""


@pytest.mark.parametrize("code", ["DE", "de", "De"])
def test_capitals_make_no_difference(code: str) -> None:
    """One country, one code."""
    assert folded(code) == "DE"


@pytest.mark.parametrize("code", ["NA", "XK", "GB", "ZQ"])
def test_other_codes_stay(code: str) -> None:
    """Namibia, Kosovo, and a code that no country has yet."""
    assert folded(code) == code


@given(st.text())
def test_folding_twice_changes_nothing(code: str) -> None:
    """Whatever is sent."""
    country = folded(code)
    assert country == "" or (len(country) == 2 and country.isascii() and country.isupper())
    assert country not in NOT_COUNTRIES
    assert folded(country) == country
