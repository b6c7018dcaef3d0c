"""Alembic's entry point: runs the migrations over the connection of `analytics.store.migrate`, in its transaction."""

from alembic import context

from analytics.store.models import Base


def run() -> None:
    """Runs them."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


run()
