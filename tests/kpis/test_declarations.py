"""The declarations of KPIs hang together, so that a loop over them needs no special case."""

import pytest

from analytics.kpis.declarations import EVENT_TYPES, KPIS, KpiDeclaration, PeriodFigures
from analytics.kpis.metrics import estimate_of
from analytics.kpis.timeseries import COLUMNS
from analytics.kpis.visitor_breakdown import TOTALS

UNITS = ("_seconds", "_ratio")


@pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.key)
def test_a_kpi_is_its_column_without_the_unit(kpi: KpiDeclaration) -> None:
    """One name from the series to the URL, and the counts behind it are in the series too."""
    name = kpi.column
    for unit in UNITS:
        name = name.removesuffix(unit)
    assert kpi.key == name
    assert {kpi.column, kpi.n_column or kpi.column} <= set(COLUMNS)
    assert set(kpi.events) <= set(EVENT_TYPES)


@pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.key)
def test_nothing_read_is_no_value(kpi: KpiDeclaration) -> None:
    """Never a zero."""
    assert estimate_of(kpi.measure(PeriodFigures())).value is None


@pytest.mark.parametrize("metric", [*KPIS.values(), *TOTALS.values()], ids=lambda metric: metric.key)
def test_words_are_those_of_a_sentence(metric: KpiDeclaration) -> None:
    """A definition ends with a full stop, a title and what is missing do not."""
    assert metric.definition.endswith(".")
    assert not metric.title.endswith(".")
    assert not metric.nothing.endswith(".")
