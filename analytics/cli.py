"""Owns the command line `inbox-analytics`: options, messages, exit codes. Everything else is done elsewhere.

The local stack is an extra: it is imported inside the commands, so that the others work without it.
"""

import sys
from pathlib import Path

import click

from analytics.errors import AnalyticsError

PORT = click.IntRange(0, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Inbox Analytics: the dashboard, and everything it needs on one machine."""


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7181, type=PORT, show_default=True, help="Port; 0 takes any free one.")
@click.option(
    "--data-dir",
    default=".local",
    type=click.Path(path_type=Path),
    show_default=True,
    help="Where everything is kept; made if missing.",
)
@click.option(
    "--demo-data/--no-demo-data", default=True, show_default=True, help="Make demo data on first start."
)
@click.option("--seed", default=1, type=int, show_default=True, help="Seed of the demo data.")
def local(host: str, port: int, data_dir: Path, demo_data: bool, seed: int) -> None:
    """Run Tinybird and Postgres on this machine until Ctrl-C.

    DIR/env holds the addresses and tokens while they run.
    """
    _need_local_extra()
    from analytics.local.stack import LocalStack
    from analytics.local.supervisor import StopRequested, Supervisor

    try:
        with Supervisor() as supervisor, LocalStack(data_dir, host, port) as stack:
            stack.start(supervisor)
            env = stack.write_env(is_demo=demo_data)
            click.echo(f"Tinybird  {stack.address}")
            click.echo(f"Postgres  127.0.0.1:{stack.postgres.port}")
            click.echo(f"Settings  {env}")
            click.echo("Ctrl-C stops both.")
            supervisor.watch()
    except StopRequested:
        pass


def _need_local_extra() -> None:
    """Says what to install when a package of the `local` extra is missing."""


def main() -> None:
    """Entry of the command line: an error that can be told becomes two lines on stderr and exit code 1."""
    try:
        commands()
    except AnalyticsError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.remedy:
            click.echo(error.remedy, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
