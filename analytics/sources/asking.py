"""How a question is put and its answer checked: bounds, frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import pandas as pd

from analytics.postgres import Parameter as SqlParameter
from analytics.postgres import Postgres
from analytics.readings import Answer
from analytics.schemas import Schema
from analytics.tinybird import Tinybird
from analytics.wire import Parameter as PipeParameter


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both periods as pipes take them: UTC texts, ends exclusive. The previous one may be empty.

    Attributes:
        date_from: Start of the period shown.
        date_to: End of the period shown.
        prev_date_from: Start of the period before.
        prev_date_to: End of the period before.
    """

    date_from: str
    date_to: str
    prev_date_from: str
    prev_date_to: str

    def params(self) -> dict[str, str]:
        """The four pipe parameters."""
        return {
            "date_from": self.date_from,
            "date_to": self.date_to,
            "prev_date_from": self.prev_date_from,
            "prev_date_to": self.prev_date_to,
        }


def pipe_frame(
    tinybird: Tinybird, schema: Schema, params: Mapping[str, PipeParameter]
) -> Answer[pd.DataFrame]:
    """The rows of a pipe, checked against its promise."""
    answer = tinybird.query_pipe(schema.resource, params)
    return Answer(schema.frame((column["name"] for column in answer.meta), answer.rows), answer.read_at)


def sql_frame(
    postgres: Postgres, schema: Schema, statement: str, params: Mapping[str, SqlParameter]
) -> Answer[pd.DataFrame]:
    """The rows of a statement, checked against its promise."""
    answer = postgres.read(schema.resource, statement, params)
    return Answer(schema.frame(answer.columns, answer.rows), answer.read_at)


def text_or_none(value: object) -> str | None:
    """A text cell; None for an empty one."""
    return value if isinstance(value, str) else None


def instant_or_none(value: object) -> datetime | None:
    """A timestamp cell; None for an empty one."""
    return None if pd.isna(cast("pd.Timestamp", value)) else cast("pd.Timestamp", value).to_pydatetime()
