"""`inbox-analytics store`: makes and changes the tables of the dashboard's own store."""

from __future__ import annotations

import click

from analytics.errors import ConfigError
from analytics.settings import load_settings
from analytics.store import VARIABLE


@click.group()
def store() -> None:
    """Look after the dashboard's own store, which holds the goals of websites."""


@store.command()
def migrate() -> None:
    """Create the store's schema if it is missing, and bring its tables to this version.

    Run it before the first start and after each update. It can be repeated; it deletes nothing.
    """
    # Alembic takes a while to import, which no other command is to wait for.
    from analytics.store.migrate import migrate as run

    settings = load_settings()
    if settings.store_url is None:
        raise ConfigError(
            f"{VARIABLE} is not set: there is no store.",
            "Set it to a Postgres in which the dashboard may have a schema of its own.",
        )
    before, after = run(settings.store_url.get_secret_value(), settings.store_schema)
    if before == after:
        click.echo(f"The store is up to date: schema {settings.store_schema}, migration {after}.")
    else:
        click.echo(
            f"The store is migrated: schema {settings.store_schema}, from {before or 'nothing'} to {after}."
        )
