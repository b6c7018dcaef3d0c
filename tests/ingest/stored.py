"""What the local server has stored of one website, read past everything that this project does."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx2

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Reads rows of one website.

    Attributes:
        host: Base URL.
        admin_token: May run SQL.
        website_id: The website.
    """

    host: str
    admin_token: str
    website_id: str

    def rows(self, datasource: str) -> list[Row]:
        """All rows of a data source."""
        statement = f"SELECT * FROM {datasource} WHERE website_id = '{self.website_id}' ORDER BY timestamp, event_type"
        return self.sql(statement)

    def ids(self, datasource: str, column: str = "visitor_id") -> Counter[str]:
        """How often each id is stored."""
        statement = (
            f"SELECT {column} AS id, count() AS n FROM {datasource} "
            f"WHERE website_id = '{self.website_id}' GROUP BY id"
        )
        return Counter({row["id"]: int(row["n"]) for row in self.sql(statement)})

    def sql(self, statement: str) -> list[Row]:
        """The rows of a statement."""
        answer = httpx2.post(
            f"{self.host}/v0/sql",
            content=f"{statement} FORMAT JSON",
            headers={"Authorization": f"Bearer {self.admin_token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["data"]
        return rows
