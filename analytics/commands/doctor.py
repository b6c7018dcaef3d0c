"""`inbox-analytics doctor`: checks the deployment; one line per finding, an exit code for scripts."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict

import click

from analytics.operations.doctor.finding import Finding, Level, Report

_COLOURS: dict[Level, str] = {"ok": "green", "warning": "yellow", "problem": "red", "not checked": "cyan"}


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
def doctor(is_json: bool) -> None:
    """Check settings, both sources, tokens, deployment, clocks, events, websites that stopped, quarantine and spool.

    Changes nothing. Reads each pipe once, which costs a query each. Exit code 0 when nothing is a problem, 1 otherwise.
    """
    # Reading frames takes half a second to import, which no other command is to wait for.
    from analytics.operations.doctor import examine

    # The transport logs what it is refused; here being refused is an answer.
    logging.getLogger("analytics.transports.tinybird").setLevel(logging.ERROR)
    report = examine(os.environ)
    if is_json:
        click.echo(as_json(report))
    else:
        _show(report)
    sys.exit(1 if report.verdict == "problem" else 0)


def as_json(report: Report) -> str:
    """Writes the report as JSON: `verdict`, `checked_at` and `findings`."""
    return json.dumps(
        {
            "verdict": report.verdict,
            "checked_at": report.checked_at.isoformat(timespec="seconds"),
            "findings": [asdict(finding) for finding in report.findings],
        },
        indent=2,
        ensure_ascii=False,
    )


def _show(report: Report) -> None:
    area_width = max(len(finding.area) for finding in report.findings)
    subject_width = max(len(finding.subject) for finding in report.findings)
    for finding in report.findings:
        level = click.style(
            f"{finding.level:<11}", fg=_COLOURS[finding.level], bold=finding.level == "problem"
        )
        click.echo(
            f"{level}  {finding.area:<{area_width}}  {finding.subject:<{subject_width}}  {_text(finding)}"
        )
    counts = {level: sum(finding.level == level for finding in report.findings) for level in _COLOURS}
    click.echo(
        f"\n{counts['ok']} ok, {counts['warning']} warnings, {counts['problem']} problems, "
        f"{counts['not checked']} not checked"
    )


def _text(finding: Finding) -> str:
    return f"{finding.message} → {finding.remedy}" if finding.remedy else finding.message
