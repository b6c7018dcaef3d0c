"""`parity`: the KPIs of the pipes beside those of Postgres."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from analytics.commands.options import FiniteRange
from analytics.ingest.deletes.receipts import Ledger
from analytics.ingest.deletes.removal import removed_conversations
from analytics.ingest.history import reader as history
from analytics.operations.parity import parity as both
from analytics.operations.parity.parity import PeriodReport, Report
from analytics.operations.parity.tolerance import DEFAULT_TOLERANCE, Compared, Unit
from analytics.scope.clock import parse_timezone
from analytics.scope.periods import Range, resolve
from analytics.settings import load_settings
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

_VERDICTS = {
    "equal": "equal",
    "within": "within tolerance",
    "differs": "DIFFERS",
    "one-sided": "not comparable",
}
_UNSEARCHED = (
    "A difference within tolerance is often an event of the last seconds, or one that only one side has: "
    "--tolerance 0 names its cause."
)
_NOTHING = "Nothing to compare: both sides count no conversation"


@click.command()
@click.option("--website", "slug", required=True, metavar="SLUG", help="Whose numbers.")
@click.option(
    "--range",
    "range_",
    default="30d",
    show_default=True,
    metavar="RANGE",
    help="As in the dashboard's address: today, 7d, 2026-11-01..2026-11-10.",
)
@click.option(
    "--timezone", default="UTC", show_default=True, metavar="NAME", help="Whose days: an IANA name."
)
@click.option(
    "--tolerance",
    type=FiniteRange(min=0, max=1),
    default=DEFAULT_TOLERANCE,
    show_default=True,
    help="How far two numbers may be apart: a share of the larger one, for rates the difference itself.",
)
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_context
def parity(
    context: click.Context, slug: str, range_: str, timezone: str, tolerance: float, is_json: bool
) -> None:
    """Compare every KPI of the pipes with the same KPI from Postgres, and name the causes where they differ.

    Exit code 0 when all of them are within the tolerance, 1 when one is not. Where both sides count nothing, that is said,
    and the exit code is 0.
    """
    try:
        selected, zone = Range.parse(range_), parse_timezone(timezone)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    now = datetime.now(UTC)
    period = resolve(selected, now, zone)
    if period.start > now:
        raise click.UsageError(f"--range {range_} has not begun.")
    settings = load_settings()
    with Tinybird.from_settings(settings) as tinybird, Postgres.from_settings(settings) as postgres:
        (website,) = history.websites(postgres, [slug])
        purged_at = Ledger(settings.state_dir).ends(settings.tinybird_host).get(website.id)
        removed = removed_conversations(settings.state_dir, settings.tinybird_host, website.id)
        report = both.parity(tinybird, postgres, website, period, now, tolerance, purged_at, removed)
    if is_json:
        click.echo(json.dumps(_as_json(report, range_, timezone), indent=2))
    else:
        for line in _lines(report):
            click.echo(line)
    context.exit(0 if report.is_within else 1)


def _lines(report: Report) -> list[str]:
    lines = []
    for period in report.periods:
        lines += [
            f"{report.website.slug}, {period.name} period: {period.date_from} to {period.date_to} UTC",
            "",
        ]
        lines.append(f"  {'':<26}{'Tinybird':>14}{'Postgres':>14}{'difference':>14}")
        for each in period.compared:
            unit = each.quantity.unit
            values = "".join(
                f"{_text(value, unit, is_signed=is_signed):>14}"
                for value, is_signed in (
                    (each.tinybird, False),
                    (each.postgres, False),
                    (each.difference, True),
                )
            )
            lines.append(f"  {each.quantity.name:<26}{values}  {_VERDICTS[each.verdict]}")
            if each.note:
                lines.append(f"  {'':<26}  {each.note}")
        lines.append("")
        if period.is_empty:
            lines += [f"  {_NOTHING} in this period.", ""]
        lines += _cause_lines(period)
    if all(period.is_empty for period in report.periods):
        return [*lines, f"{_NOTHING}."]
    ending = "Within" if report.is_within else "Not within"
    lines.append(f"{ending} a tolerance of {report.tolerance:.3g}.")
    if any(each.verdict == "within" for period in report.periods for each in period.compared):
        lines.append(_UNSEARCHED)
    return lines


def _cause_lines(period: PeriodReport) -> list[str]:
    """Writes each cause once, with the KPIs that it changes, then the KPIs without a known cause."""
    moved: dict[tuple[str, int, tuple[str, ...]], list[str]] = {}
    unexplained: list[str] = []
    for each in period.compared:
        if each.verdict != "differs":
            continue
        if not each.causes and not each.note:
            unexplained.append(each.quantity.name)
        for cause in each.causes:
            moved.setdefault((cause.text, cause.count, cause.examples), []).append(each.quantity.name)
    lines = [
        f"  {count:,} × {text}\n      moves {', '.join(names)}; such as {', '.join(examples)}"
        for (text, count, examples), names in moved.items()
    ]
    if unexplained:
        lines.append(f"  No row explains the difference in {', '.join(unexplained)}.")
    return ["  Causes", *lines, ""] if lines else []


def _text(value: float | None, unit: Unit, *, is_signed: bool) -> str:
    if value is None:
        return "–"
    digits = {"count": 0, "seconds": 2, "ratio": 4, "points": 2}[unit]
    return f"{value:{'+' if is_signed and round(value, digits) else ''},.{digits}f}"


def _as_json(report: Report, range_: str, timezone: str) -> dict[str, object]:
    return {
        "website": report.website.slug,
        "range": range_,
        "timezone": timezone,
        "tolerance": report.tolerance,
        "is_within": report.is_within,
        "periods": [
            {
                "period": period.name,
                "date_from": period.date_from,
                "date_to": period.date_to,
                "is_empty": period.is_empty,
                "kpis": [_kpi_json(each) for each in period.compared],
            }
            for period in report.periods
        ],
    }


def _kpi_json(each: Compared) -> dict[str, object]:
    return {
        "kpi": each.quantity.name,
        "unit": each.quantity.unit,
        "tinybird": each.tinybird,
        "postgres": each.postgres,
        "difference": each.difference,
        "verdict": each.verdict,
        "causes": [
            {"cause": cause.text, "count": cause.count, "examples": list(cause.examples)}
            for cause in each.causes
        ],
        "note": each.note,
    }
