"""Migrations of the store, run by Alembic; only `analytics.store.migrate` starts them."""
