"""Journals of unfinished purges and receipts of finished ones, on disk.

Owns the files under the state directory (`purges/`, `receipts/`). One JSON file a purge, written whole or not at all,
so that a kill at any moment leaves the last state that was true. Knows neither Tinybird nor Postgres; holds no token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.spool import files

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
_Count = Annotated[int, Field(ge=0)]

Model = TypeVar("Model", bound=BaseModel)

_LOCK: Final = "purges.lock"


class PurgeRefused(AnalyticsError):
    """A purge that may not begin or go on; nothing was deleted by this attempt."""


class DatasourcePurge(BaseModel):
    """State of a purge in one data source.

    Attributes:
        rows_found: Rows of the website before the first delete.
        rows_deleted: Rows that the jobs say they deleted, with those that arrived meanwhile; None once it cannot be known:
            a job did not say, failed, or may have been started without an answer.
        is_starting: Whether a job was asked for and the answer has not been seen.
        running_job: The job that was started last, as long as its end has not been seen; None otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasource: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,100}$")]
    rows_found: _Count
    rows_deleted: _Count | None = 0
    jobs: tuple[_Id, ...] = ()
    is_starting: bool = False
    running_job: _Id | None = None


class Purge(BaseModel):
    """One purge: the journal of an unfinished one, the receipt of a finished one.

    Attributes:
        website: What Postgres knew about it, as a person reads it.
        continued_by: Who else asked for it to be continued, in that order.
        host: The Tinybird API address, without a token.
        finished_at: When no row was left; None while it is not finished.
        rows_left: Rows counted at the end: 0; None while it is not finished.
        quarantined_rows: Rows of the website that Tinybird had quarantined when it began, which a purge does not
            delete; None when they could not be read.
        store_rows: Rows of the website in the dashboard's own store, noted before they are deleted, 0 until then; None without a
            store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    website_id: _Id
    website: str
    reason: str
    by: str
    continued_by: tuple[str, ...] = ()
    host: str
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    rows_left: _Count | None = None
    quarantined_rows: _Count | None = None
    store_rows: _Count | None = None
    datasources: tuple[DatasourcePurge, ...]

    @property
    def people(self) -> str:
        """Names of all who asked for it, in order."""
        return ", ".join((self.by, *self.continued_by))

    @property
    def rows_deleted(self) -> int | None:
        """Rows that a finished purge has deleted, in Tinybird and in the store; None when it is not known."""
        return total((*(each.rows_deleted for each in self.datasources), self.store_rows or 0))

    def of(self, datasource: str) -> DatasourcePurge:
        """The state of one data source."""
        return next(each for each in self.datasources if each.datasource == datasource)

    def asked_by(self, who: str) -> Purge:
        """The same purge, with one more person who asked for it."""
        if who in {self.by, *self.continued_by}:
            return self
        return self.model_copy(update={"continued_by": (*self.continued_by, who)})

    def updated(self, emptied: DatasourcePurge) -> Purge:
        """The same purge with one data source's state replaced."""
        states = tuple(
            emptied if each.datasource == emptied.datasource else each for each in self.datasources
        )
        return self.model_copy(update={"datasources": states})


class Ledger:
    """Journals and receipts of one state directory.

    Args:
        directory: The state directory; made when something is written first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._journals = directory / "purges"
        self._receipts = directory / "receipts"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets one process purge at a time; freed by the system when the process dies.

        Raises:
            PurgeRefused: Another process purges.
            ConfigError: The directory cannot be written.
        """
        with ExitStack() as opened:
            with _translated(self._directory):
                self._directory.mkdir(parents=True, exist_ok=True)
                file = opened.enter_context((self._directory / _LOCK).open("a"))
                is_held = files.lock(file.fileno())
            if not is_held:
                raise PurgeRefused(
                    "Another purge runs with this state directory.", "Wait until it has finished."
                )
            yield

    def unfinished(self) -> tuple[Purge, ...]:
        """The purges that have a journal, oldest first; none when there is no directory.

        Raises:
            ConfigError: The directory or a journal cannot be read.
        """
        return _read_all(self._journals)

    def journal(self, website_id: str) -> Purge | None:
        """The unfinished purge of a website; None when there is none. Raises as `unfinished`."""
        return next((purge for purge in self.unfinished() if purge.website_id == website_id), None)

    def receipts(self) -> tuple[Purge, ...]:
        """The receipts, oldest first; none when there is no directory.

        Raises:
            ConfigError: The directory or a receipt cannot be read.
        """
        return _read_all(self._receipts)

    def ends(self, host: str) -> dict[str, datetime]:
        """Finds when the last purge of each website from that workspace ended, by website id.

        Raises:
            ConfigError: The directory or a receipt cannot be read.
        """
        ends: dict[str, datetime] = {}
        for each in self.receipts():
            if each.host == host and each.finished_at is not None:
                ends[each.website_id] = max(each.finished_at, ends.get(each.website_id, each.finished_at))
        return ends

    def keep(self, purge: Purge) -> None:
        """Writes the journal; when this returns it survives a power cut.

        Raises:
            ConfigError: It cannot be written.
        """
        write(self._journals / f"{purge.website_id}.json", purge)

    def close(self, purge: Purge) -> Path:
        """Turns the journal of a finished purge into its receipt, and returns where that stands.

        A kill in between leaves both; closing again writes the same receipt.

        Raises:
            ConfigError: The receipt cannot be written; the journal stays.
        """
        path = self._receipts / f"{purge.started_at:%Y%m%dT%H%M%S%fZ}-{purge.website_id}.json"
        write(path, purge)
        with _translated(self._directory):
            (self._journals / f"{purge.website_id}.json").unlink(missing_ok=True)
        return path


def total(rows: Iterator[int | None] | tuple[int | None, ...]) -> int | None:
    """Adds numbers of rows; None when one of them is not known.

    >>> total((1, 2)), total((1, None)), total(())
    (3, None, 0)
    """
    known = list(rows)
    return None if None in known else sum(each for each in known if each is not None)


def _read_all(directory: Path) -> tuple[Purge, ...]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be read: {error.strerror}.",
            "Run this as the user that owns it, or give it to this one with chown: a purge may be unfinished in there.",
        ) from None
    return tuple(sorted((read(Purge, path) for path in paths), key=lambda purge: purge.started_at))


def read(model: type[Model], path: Path) -> Model:
    """Reads what `write` has written.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it holds no {model.__name__.lower()}"
        raise ConfigError(
            f"{path} cannot be read: {reason}.",
            "Move it elsewhere and start the same command again: deleting twice does no harm.",
        ) from None


def write(path: Path, model: BaseModel) -> None:
    """Writes a model as JSON, all of it or nothing; makes the directory if it is missing.

    Raises:
        ConfigError: The disk does not take it; what was there before stays.
    """
    with _translated(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, model.model_dump_json(indent=2).encode() + b"\n")


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be written ({error.strerror}).",
            "Check INBOX_ANALYTICS_STATE_DIR, who may write there, and the free space: a delete job needs its journal.",
        ) from None
