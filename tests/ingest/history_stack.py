"""A website with a history of its own on the local stack, and the real command that moves it."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import httpx2

from tests import command_line
from tests.conftest import LocalStack
from tests.product_database import Product

FIRST: Final = datetime(2026, 9, 1, tzinfo=UTC)

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class History:
    """One website's rows, the events they are, and the command line over both.

    Attributes:
        stack: Where everything runs.
        product: The website's rows.
        state_dir: Where watermarks are kept.
    """

    stack: LocalStack
    product: Product
    state_dir: Path

    def fill(self, conversations: int) -> None:
        """Conversations ten minutes apart: all answered, most resolved, some by the AI, some escalated, some rated."""
        values = {
            "key": self.product.key,
            "org": self.product.organization_id,
            "site": self.product.website_id,
            "visitor": self.product.visitor_id,
            "first": FIRST,
            "count": conversations,
        }
        connection = self.product.connection
        connection.execute(
            "INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, first_response_at, "
            "resolved_at, resolved_by_ai_agent_id, escalated_at, created_at, updated_at) "
            "SELECT %(key)s || '-' || n, %(org)s, %(site)s, %(visitor)s, at, at + interval '9.5 s', "
            "CASE WHEN n %% 5 > 0 THEN at + interval '5 min' END, CASE WHEN n %% 2 = 0 THEN 'agent' END, "
            "CASE WHEN n %% 3 = 0 THEN at + interval '1 min' END, at, at "
            "FROM (SELECT n, %(first)s::timestamptz + n * interval '10 min' AS at "
            "FROM generate_series(1, %(count)s::int) AS n) AS rows",
            values,
        )
        connection.execute(
            "INSERT INTO feedback (id, organization_id, website_id, conversation_id, visitor_id, rating, created_at, "
            "updated_at) SELECT 'f-' || id, organization_id, website_id, id, visitor_id, 4, resolved_at, resolved_at "
            "FROM conversation WHERE website_id = %(site)s AND resolved_at IS NOT NULL AND right(id, 1) = '7'",
            values,
        )

    def resolve_again(self, dice: random.Random, count: int) -> None:
        """Some conversations are resolved at another time, now."""
        rows = self.product.connection.execute(
            "SELECT id FROM conversation WHERE website_id = %s ORDER BY id", (self.product.website_id,)
        ).fetchall()
        for (conversation_id,) in dice.sample(rows, count):
            self.product.connection.execute(
                "UPDATE conversation SET resolved_at = started_at + %s, updated_at = now() WHERE id = %s",
                (timedelta(seconds=dice.randint(400, 400_000)), conversation_id),
            )

    def expected(self) -> set[Key]:
        """The events that the rows are now: conversation, type and second."""
        at = "to_char(date_trunc('second', {}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        conversation = "SELECT id, '{}', " + at + " FROM conversation WHERE website_id = %(site)s AND {}"
        resolved_by_ai = "resolved_at IS NOT NULL AND resolved_by_ai_agent_id IS NOT NULL"
        statement = " UNION ".join(
            [
                conversation.format("conversation_started", "started_at", "true"),
                conversation.format("first_response", "first_response_at", "first_response_at IS NOT NULL"),
                conversation.format("escalated", "escalated_at", "escalated_at IS NOT NULL"),
                conversation.format("conversation_resolved", "resolved_at", "resolved_at IS NOT NULL"),
                conversation.format("ai_resolved", "resolved_at", resolved_by_ai),
                f"SELECT conversation_id, 'feedback_submitted', {at.format('created_at')} FROM feedback "
                "WHERE website_id = %(site)s AND conversation_id IS NOT NULL",
            ]
        )
        rows = self.product.connection.execute(statement, {"site": self.product.website_id}).fetchall()
        return {(str(id_), str(event_type), str(second)) for id_, event_type, second in rows}

    def stored(self) -> dict[Key, int]:
        """The events that Tinybird has, each with how often."""
        return {
            (row["conversation_id"], row["event_type"], row["timestamp"]): row["events"]
            for row in self._stored_rows()
        }

    def events(self) -> list[dict[str, Any]]:
        """The same as rows that could be sent again."""
        own = {"website_id": self.product.website_id, "visitor_id": self.product.visitor_id}
        return [own | {name: row[name] for name in row if name != "events"} for row in self._stored_rows()]

    def _stored_rows(self) -> list[dict[str, Any]]:
        answer = httpx2.get(
            f"{self.stack.host}/v0/pipes/conversation_events.json",
            params={"website_id": self.product.website_id, "limit": 100_000},
            headers={"Authorization": f"Bearer {self.stack.read_token}"},
            timeout=30,
        )
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows

    def environment(self, **changes: str) -> dict[str, str]:
        """What the command sees."""
        return {
            **os.environ,
            "TINYBIRD_HOST": self.stack.host,
            "TINYBIRD_READ_TOKEN": self.stack.read_token,
            "TINYBIRD_APPEND_TOKEN": self.stack.append_token,
            "DATABASE_URL": self.stack.database_url,
            "INBOX_ANALYTICS_STATE_DIR": str(self.state_dir),
            **changes,
        }

    def command(self, name: str, *options: str) -> list[str]:
        """The command line for this website."""
        return [sys.executable, "-m", "analytics.cli", *self._arguments(name, *options)]

    def _arguments(self, name: str, *options: str) -> list[str]:
        return [name, "--website", self.product.website_id, *options]

    def run(
        self, name: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        return command_line.run(environment or self.environment(), *self._arguments(name, *options))

    def start(self, name: str, *options: str) -> ForkServerProcess:
        """Starts it; its output is discarded."""
        return command_line.start(self.environment(), *self._arguments(name, *options))
