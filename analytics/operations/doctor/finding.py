"""Findings of the doctor: one line per subject, with what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from analytics.errors import AnalyticsError

Level = Literal["ok", "warning", "problem", "not checked"]
Area = Literal[
    "settings",
    "tinybird",
    "tokens",
    "pipes",
    "data sources",
    "postgres",
    "store",
    "clocks",
    "events",
    "websites",
    "quarantine",
    "spool",
    "state",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result.

    Attributes:
        subject: Which one: a variable, a pipe, a table, an event type.
        level: ok | warning (works, and should be changed) | problem (does not work) | not checked.
        message: What was found, a phrase; no token, no password, no text of a visitor.
        remedy: What to do about it; empty when there is nothing to do.
    """

    area: Area
    subject: str
    level: Level
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found.

    Attributes:
        findings: In the order of the checks.
    """

    checked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Literal["ok", "warning", "problem"]:
        """Worst level of all; a check that was not made counts as a warning."""
        levels = {finding.level for finding in self.findings}
        if "problem" in levels:
            return "problem"
        return "warning" if levels & {"warning", "not checked"} else "ok"


def failed(area: Area, subject: str, error: AnalyticsError) -> Finding:
    """Makes the finding of a check that failed with an error."""
    return Finding(area, subject, "problem", error.message, error.remedy)


def not_checked(area: Area, subject: str, reason: str) -> Finding:
    """Makes the finding of a check that could not be made.

    >>> not_checked("pipes", "all", "Tinybird cannot be reached").message
    'not checked, because Tinybird cannot be reached'
    """
    return Finding(area, subject, "not checked", f"not checked, because {reason.rstrip('.')}")


def differences(
    expected: Mapping[str, str], declared: Mapping[str, str], does_fit: Callable[[str], bool]
) -> list[str]:
    """Says which expected columns are missing, and which have a type that does not fit; both map names to types."""
    missing = [f"has no column {name}" for name in expected if name not in declared]
    mistyped = [
        f"column {name} is {declared[name]}, not {kind}"
        for name, kind in expected.items()
        if name in declared and not does_fit(name)
    ]
    return missing + mistyped


def listed(names: Iterable[str]) -> str:
    """Joins names to a phrase, the first five of many.

    >>> listed(["a", "b"]), listed("abcdefgh")
    ('a, b', 'a, b, c, d, e and 3 more')
    """
    every = list(names)
    shown = ", ".join(every[:5])
    return shown if len(every) <= 5 else f"{shown} and {len(every) - 5} more"
