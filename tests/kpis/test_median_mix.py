"""The parts of a median's change: what the AI and people did themselves, and what their mix did."""

import pytest

from analytics.kpis.intervals import Interval
from analytics.kpis.median_mix import Mixed, split

# 40 conversations before: the AI resolves 10 of them in 10 s, people 30 in 1,000 s.
BEFORE = Mixed(median_seconds=1000.0, n=40, ai_n=10, other_mix_seconds=None)


@pytest.mark.parametrize(
    ("now", "before", "own", "mix", "matters"),
    [
        pytest.param(Mixed(10.0, 40, 30, 1000.0), BEFORE, 0.0, -0.99, True, id="pure shift of the mix"),
        pytest.param(Mixed(800.0, 40, 10, 800.0), BEFORE, -0.2, 0.0, False, id="pure speed-up"),
        pytest.param(Mixed(400.0, 40, 15, 800.0), BEFORE, -0.2, -0.5, True, id="both, more by the mix"),
        pytest.param(Mixed(400.0, 40, 11, 500.0), BEFORE, -0.5, -0.2, False, id="both, more by themselves"),
        pytest.param(Mixed(1000.0, 40, 30, 1250.0), BEFORE, 0.25, -0.2, True, id="slower, hidden by the mix"),
        pytest.param(Mixed(1100.0, 40, 5, 880.0), BEFORE, -0.12, 0.25, True, id="slower by the mix alone"),
        pytest.param(
            Mixed(600.0, 40, 11, 601.0), BEFORE, -0.399, -1 / 601, False, id="a mix that rounds to 0 %"
        ),
        pytest.param(Mixed(50.0, 9, 9, 50.0), Mixed(100.0, 7, 7, 100.0), -0.5, 0.0, False, id="only the AI"),
        pytest.param(Mixed(50.0, 9, 0, 50.0), Mixed(100.0, 7, 0, 100.0), -0.5, 0.0, False, id="only people"),
        pytest.param(
            Mixed(10.0, 40, 30, 900.0), Mixed(1000.0, 20, 0, None), -0.1, -89 / 90, True, id="a new AI"
        ),
        pytest.param(
            Mixed(900.0, 40, 0, None), Mixed(10.0, 40, 30, 1000.0), -0.1, 99.0, True, id="the AI is gone"
        ),
        pytest.param(
            Mixed(900.0, 500, 1, 5.0), Mixed(10.0, 500, 300, 1000.0), -0.1, 99.0, True, id="nearly gone"
        ),
        pytest.param(
            Mixed(900.0, 40, 0, None), Mixed(10.0, 40, 40, None), None, None, True, id="nothing in common"
        ),
        pytest.param(Mixed(0.0, 40, 30, 1000.0), BEFORE, 0.0, -1.0, True, id="at once now, by the mix"),
        pytest.param(Mixed(0.0, 40, 10, 0.0), BEFORE, -1.0, 0.0, False, id="at once now, by themselves"),
    ],
)
def test_the_parts_make_the_whole(
    now: Mixed, before: Mixed, own: float | None, mix: float | None, matters: bool
) -> None:
    """Each by hand, and multiplied they are the change of the card."""
    parts = split(now, before)
    assert parts is not None
    assert parts.own_ratio == pytest.approx(own)
    assert parts.mix_ratio == pytest.approx(mix)
    assert parts.matters == matters
    assert (parts.ai_ratio, parts.previous_ai_ratio) == (now.ai_n / now.n, before.ai_n / before.n)
    if parts.own_ratio is not None and parts.mix_ratio is not None:
        assert now.median_seconds is not None
        assert before.median_seconds is not None
        whole = now.median_seconds / before.median_seconds
        assert (1 + parts.own_ratio) * (1 + parts.mix_ratio) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("ai_now", "n_now", "ai_before", "n_before", "is_real"),
    [
        pytest.param(9, 12, 3, 12, True, id="half more, of 12"),
        pytest.param(7, 12, 4, 12, False, id="a quarter more, of 12"),
        pytest.param(3, 12, 9, 12, True, id="half less, of 12"),
        pytest.param(52, 100, 50, 100, False, id="two more, of 100"),
        pytest.param(0, 40, 40, 40, True, id="all against none"),
    ],
)
def test_a_shift_of_the_mix_is_real_when_chance_would_not_make_it(
    ai_now: int, n_now: int, ai_before: int, n_before: int, is_real: bool
) -> None:
    """By Newcombe's interval of the difference of two rates."""
    parts = split(Mixed(20.0, n_now, ai_now, 10.0), Mixed(10.0, n_before, ai_before, 20.0))
    assert parts is not None
    assert parts.is_shift_real == is_real


@pytest.mark.parametrize(
    ("now", "before"),
    [
        pytest.param(Mixed(None, 0, 0, None), BEFORE, id="nothing now"),
        pytest.param(BEFORE, Mixed(None, 0, 0, None), id="nothing before"),
        pytest.param(BEFORE, Mixed(0.0, 9, 9, None), id="zero before"),
    ],
)
def test_without_a_change_in_percent_there_are_no_parts(now: Mixed, before: Mixed) -> None:
    """Nothing is split where the card has no change."""
    assert split(now, before) is None


@pytest.mark.parametrize(
    ("interval", "is_real"), [(Interval(780.0, 820.0), True), (Interval(500.0, 1300.0), False), (None, False)]
)
def test_what_they_did_themselves_is_real_beyond_chance_alone(
    interval: Interval | None, is_real: bool
) -> None:
    """A fifth faster at the same mix: real with narrow intervals, not with wide ones, not without any."""
    before = Mixed(1000.0, 40, 10, None, interval=Interval(980.0, 1020.0))
    parts = split(Mixed(800.0, 40, 10, 800.0, interval=interval), before)
    assert parts is not None
    assert parts.own_ratio == pytest.approx(-0.2)
    assert parts.is_own_real is is_real


def test_without_conversations_no_shift_of_the_mix_is_real() -> None:
    """A share of nothing is no share."""
    parts = split(Mixed(10.0, 0, 0, None), BEFORE)
    assert parts is not None
    assert not parts.is_shift_real
