"""How long a person works on a conversation of a website."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Creates the table `minutes_per_conversation`."""
    op.create_table(
        "minutes_per_conversation",
        sa.Column("website_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("low_minutes", sa.Numeric(4, 1), nullable=False),
        sa.Column("high_minutes", sa.Numeric(4, 1), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name="minutes_version"),
        sa.CheckConstraint("low_minutes > 0 AND low_minutes <= high_minutes", name="minutes_range"),
    )


def downgrade() -> None:
    """Drops it, with all of them."""
    op.drop_table("minutes_per_conversation")
