"""The chat product's rows of one test: an organization of its own in Postgres, written as the owner of the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import psycopg
from psycopg import sql

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Value = str | int | float | bool | datetime | None


@dataclass(slots=True)
class Product:
    """One organization with a website and a visitor; no other test uses their ids.

    Attributes:
        connection: To Postgres as the owner, committing at once.
        key: Part of every id, so that tests keep apart.
    """

    connection: psycopg.Connection[tuple[object, ...]]
    key: str = field(default_factory=lambda: uuid4().hex)
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._add("organization", id=self.organization_id, name="Org", slug=f"org-{self.key}")
        self.add_website(self.website_id, name="Shop")
        self.add_visitor(self.visitor_id)

    @property
    def organization_id(self) -> str:
        """The organization."""
        return f"o-{self.key}"

    @property
    def website_id(self) -> str:
        """Its first website."""
        return f"w-{self.key}"

    @property
    def visitor_id(self) -> str:
        """An ordinary visitor of that website."""
        return f"v-{self.key}"

    def add_website(self, website_id: str, **columns: Value) -> str:
        """A website of the organization; returns its id."""
        row = {"name": "Shop", "slug": website_id, "domain": "shop.example", **columns}
        return self._add("website", id=website_id, organization_id=self.organization_id, **row)

    def add_user(self, email: str, *, is_member: bool = True, **columns: Value) -> str:
        """A user with a verified address, by default a member of the organization; returns its id."""
        row = {"name": "Ann", "email_verified": True, **columns}
        user_id = self._add("user", id=self._id("u"), email=email, **row)
        if is_member:
            self._add("member", id=self._id("m"), organization_id=self.organization_id, user_id=user_id)
        return user_id

    def add_subscription(self, plan: str, status: str, ends: datetime | None = None) -> str:
        """A subscription of the organization; returns its id."""
        return self._add(
            "subscription",
            id=self._id("s"),
            organization_id=self.organization_id,
            plan=plan,
            status=status,
            current_period_end=ends,
        )

    def add_visitor(self, visitor_id: str | None = None, **columns: Value) -> str:
        """A visitor of the website; returns its id."""
        return self._add("visitor", id=visitor_id or self._id("v"), **self._owned(columns))

    def add_conversation(self, started_at: datetime, sentiment: str | None = None, **columns: Value) -> str:
        """A conversation of the website; returns its id."""
        row = {"visitor_id": self.visitor_id, "updated_at": LONG_AGO, **columns}
        return self._add(
            "conversation", id=self._id("c"), started_at=started_at, sentiment=sentiment, **self._owned(row)
        )

    def add_feedback(self, created_at: datetime, rating: int, **columns: Value) -> str:
        """A rating on the website; returns its id."""
        row = {"visitor_id": self.visitor_id, "updated_at": LONG_AGO, **columns}
        return self._add(
            "feedback", id=self._id("f"), created_at=created_at, rating=rating, **self._owned(row)
        )

    def update(self, table: str, row_id: str, **columns: Value) -> None:
        """Changes columns of one row."""
        for name, value in columns.items():
            statement = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s")
            self.connection.execute(
                statement.format(sql.Identifier(table), sql.Identifier(name)), (value, row_id)
            )

    def _owned(self, columns: dict[str, Value]) -> dict[str, Value]:
        return {"organization_id": self.organization_id, "website_id": self.website_id, **columns}

    def _id(self, prefix: str) -> str:
        return f"{prefix}-{self.key}-{next(self._numbers)}"

    def _add(self, table: str, **columns: Value) -> str:
        row = {"created_at": LONG_AGO, **columns}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        self.connection.execute(statement, tuple(row.values()))
        return str(row["id"])
