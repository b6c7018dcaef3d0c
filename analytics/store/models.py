"""Tables of the store. Every change here needs a migration; `tests/store/test_migrations.py` compares the two."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import CheckConstraint, DateTime, Numeric, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the tables. They name no schema: the connection says which one."""


class GoalRow(Base):
    """One version of a goal of a website. Rows are only added, so that the past is judged by the goal of its time.

    Attributes:
        website_id: `website.id` of the product.
        measure: `response` or `resolution`.
        version: From 1 for each website and measure. Two people who save at once add the same version: the key refuses the
            second one.
        share_pct: Share that is to meet the goal, above 0 and up to 100; None where the goal was removed.
        limit_seconds: The time; None where the goal was removed.
        valid_from: Conversations that start then or later are judged by it, up to the next version.
        set_at: When it was saved.
        set_by: E-mail address of the person who saved it.
    """

    __tablename__ = "goal"
    __table_args__ = (
        CheckConstraint("measure IN ('response', 'resolution')", name="goal_measure"),
        CheckConstraint("version >= 1", name="goal_version"),
        CheckConstraint("share_pct > 0 AND share_pct <= 100", name="goal_share"),
        CheckConstraint("limit_seconds >= 1", name="goal_limit"),
        CheckConstraint("(share_pct IS NULL) = (limit_seconds IS NULL)", name="goal_whole"),
    )

    website_id: Mapped[str] = mapped_column(Text, primary_key=True)
    measure: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    share_pct: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    limit_seconds: Mapped[int | None]
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    set_by: Mapped[str] = mapped_column(Text)


class MinutesRow(Base):
    """One version of how long a person works on a conversation of a website. Rows are only added.

    Attributes:
        website_id: `website.id` of the product.
        version: From 1 for each website; two people who save at once add the same one, and the key refuses the second.
        low_minutes: Fewest minutes.
        high_minutes: Most minutes.
        set_at: When it was saved.
        set_by: E-mail address of the person who saved it.
    """

    __tablename__ = "minutes_per_conversation"
    __table_args__ = (
        CheckConstraint("version >= 1", name="minutes_version"),
        CheckConstraint("low_minutes > 0 AND low_minutes <= high_minutes", name="minutes_range"),
    )

    website_id: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    low_minutes: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    high_minutes: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    set_by: Mapped[str] = mapped_column(Text)


TABLES: Final = tuple(table for table in Base.metadata.sorted_tables if "website_id" in table.c)
"""The tables with rows of websites: a purge deletes those of one website from all of them."""
