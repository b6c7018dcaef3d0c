"""The numbers of cards as files: one function per row of cards, from a view to a table. `tables.FILES` lists them.

Each number has what its card says: value, n, 95 % interval, the period before, change and verdict.
"""

from analytics import cached
from analytics.cached import OpenedView, VisitorFilters
from analytics.kpis.ai_and_people.outcomes import ratio, share_kpis
from analytics.kpis.declarations import KPIS
from analytics.kpis.metrics import compared_kpi
from analytics.scope.selection import Selection
from analytics.scope.tiers import Comparability
from pages.components.exports.table import Table, of_conversations, of_visitors, visitors_note
from pages.components.metrics import kpi_file
from pages.components.panels import backlog, handled


def kpis(view: OpenedView) -> Table:
    """The KPIs of Overview."""
    resolved = view.resolved
    since = resolved.visitor_period.start if resolved.visitors_since else None
    found, is_compared = cached.kpis(view).value.kpis.values(), resolved.is_compared
    table = kpi_file.table(found, is_compared=is_compared)
    details = kpi_file.details(found, since, is_compared=is_compared)
    return of_conversations(resolved, table.join(details), visitors_note(resolved))


def escalated(view: OpenedView, selection: Selection) -> Table:
    """The escalation rate; under other filters that of the selected conversations, which is not compared."""
    resolved, board = view.resolved, cached.kpis(view).value
    found, is_compared = [kpi for key, kpi in board.kpis.items() if key == "escalated"], resolved.is_compared
    if handled.is_narrowed(selection):
        share = ratio(*cached.conversation_breakdown(view, selection).value.escalated)
        off = Comparability(False, resolved.comparable)
        found, is_compared = [compared_kpi(KPIS["escalated"], share, None, off)], False
    table = kpi_file.table(found, is_compared=is_compared)
    return of_conversations(resolved, table)


def visitor_totals(view: OpenedView, filters: VisitorFilters) -> Table:
    """Visitors, sessions and page views of the period."""
    resolved = view.resolved
    totals = cached.visitor_breakdown(view, filters).value.totals.values()
    return of_visitors(resolved, kpi_file.table(totals, is_compared=resolved.is_compared))


def backlog_totals(view: OpenedView) -> Table:
    """Open conversations at both ends of the period, and how many started and were resolved in it."""
    return of_conversations(
        view.resolved, backlog.totals_table(cached.backlog(view).value), backlog.LAST_STATE
    )


def outcome_shares(view: OpenedView) -> Table:
    """Of the conversations started: the shares resolved by the AI, handed over, and without a resolution."""
    resolved = view.resolved
    shares = share_kpis(cached.resolution_outcomes(view).value, resolved.comparability)
    return of_conversations(resolved, kpi_file.table(shares, is_compared=resolved.is_compared))


def satisfaction_total(view: OpenedView) -> Table:
    """The satisfaction index of the period."""
    index = cached.satisfaction_attribution(view).value.kpi
    return of_conversations(view.resolved, kpi_file.table([index], is_compared=view.resolved.is_compared))


def rated_totals(view: OpenedView) -> Table:
    """The share of resolved conversations that were rated, of all, of the AI agent's and of people's."""
    shares = cached.rated_share(view).value.kpis.values()
    return of_conversations(view.resolved, kpi_file.table(shares, is_compared=view.resolved.is_compared))
