"""A table of a file: its rows, their period, and notes for the reader."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

Instants = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its period and notes.

    Attributes:
        pages: The rows, in parts; all have the same columns.
        period: Start (inclusive) and end (exclusive).
        previous: The same for the previous period, if the rows contain it.
        total: Number of rows; None if not known before they are read.
        notes: Notes for the reader.
        is_cut: True if there are more rows than a file holds.
    """

    pages: Iterable[pd.DataFrame]
    period: Instants
    previous: Instants | None = None
    total: int | None = None
    notes: tuple[str, ...] = ()
    is_cut: bool = False
