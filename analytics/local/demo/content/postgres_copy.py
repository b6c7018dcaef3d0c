"""Rows in PostgreSQL's COPY text format. Pure."""

from dataclasses import dataclass
from typing import Final

NULL: Final = r"\N"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table: a line each, values separated by tabs in the order of `columns`."""

    table: str
    columns: list[str]
    lines: list[str]


def copy_text(text: str) -> str:
    """`text` as COPY reads it back."""
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
