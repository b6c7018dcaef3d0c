"""Goals of websites."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Creates the table `goal`."""
    op.create_table(
        "goal",
        sa.Column("website_id", sa.Text(), primary_key=True),
        sa.Column("measure", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("share_pct", sa.Numeric(4, 1)),
        sa.Column("limit_seconds", sa.Integer()),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("measure IN ('response', 'resolution')", name="goal_measure"),
        sa.CheckConstraint("version >= 1", name="goal_version"),
        sa.CheckConstraint("share_pct > 0 AND share_pct <= 100", name="goal_share"),
        sa.CheckConstraint("limit_seconds >= 1", name="goal_limit"),
        sa.CheckConstraint("(share_pct IS NULL) = (limit_seconds IS NULL)", name="goal_whole"),
    )


def downgrade() -> None:
    """Drops it, with all goals."""
    op.drop_table("goal")
