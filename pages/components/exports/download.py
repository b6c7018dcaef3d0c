"""Downloads: the request that a click on CSV, Excel or Export page sends, and its answer. Access is checked when it arrives.

A workbook is one or more of the tables that are CSV files otherwise, made by the same code from the same requests.

The request is complete in itself, so it can be answered while its panel is redrawn, or by a server that started after the
page was drawn. It grants no access: the viewer is looked up again, as on a page.
"""

import inspect
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from types import GenericAlias
from typing import IO, Annotated, Final, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from analytics import cached
from analytics.errors import AnalyticsError
from analytics.scope import periods
from analytics.scope.access import Viewer
from analytics.scope.clock import Bucket, local_day, parse_timezone
from analytics.scope.comparison import Comparison
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import ResolvedView, View
from analytics.web import audit
from analytics.web.audit import Event
from pages.components import formatting
from pages.components.exports import cells, csv_file, titles, workbook
from pages.components.exports.cells import About, Cell
from pages.components.exports.table import Instants, Table
from pages.components.exports.tables import FILES
from pages.components.selection import filters

AS_DRAWN: Final = timedelta(minutes=15)
"""A page younger than this, or than its numbers stand, gets the data that it shows; an older one gets current data."""

LONGEST_REQUEST: Final = 100_000
"""Bytes."""

MOST_TABLES: Final = 20
"""Most tables of a workbook; no page has as many."""

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_PART_BYTES: Final = 2**18

PanelKey = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=100)]
"""From the browser, and written into a workbook."""


class Request(BaseModel):
    """The request for one table; alone, that of a click on CSV.

    Attributes:
        file: One of `FILES`.
        website: Website id.
        range: As in the URL.
        timezone: IANA name.
        drawn_at: Time of the page's run.
        compare: The comparison, as in the URL.
        bucket: The chosen bucket; None for the period's default.
        only: The filters as text, by URL parameter.
        arguments: Arguments of the file's function after the view.
        page: Title of the page, for the audit line and the workbook.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    website: str = Field(max_length=100)
    range: str = Field(max_length=100)
    timezone: str = Field(max_length=100)
    drawn_at: datetime
    compare: str = Field(max_length=100)
    bucket: Bucket | None
    only: dict[str, str]
    arguments: list[object]
    page: str = Field(default="", max_length=100)


class Workbook(BaseModel):
    """The request of a click on Excel or Export page.

    Attributes:
        workbook: The tables, all of one website with the same dates, timezone and comparison.
        is_page: True if they are all tables of a page.
        without: Keys of the page's panels that showed no numbers, so that their tables are missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    workbook: list[Request] = Field(min_length=1, max_length=MOST_TABLES)
    is_page: bool = False
    without: list[PanelKey] = Field(default=[], max_length=MOST_TABLES)

    @model_validator(mode="after")
    def _have_one_view(self) -> "Workbook":
        views = {(each.website, each.range, each.timezone, each.compare, each.page) for each in self.workbook}
        if len(views) > 1:
            raise ValueError("The tables of a workbook have one website, range, timezone and comparison.")
        return self


@dataclass(frozen=True, slots=True)
class File:
    """A file. The rows of a CSV are read while it is sent; a workbook is complete.

    Attributes:
        lines: The content, in parts.
        rows: Number of rows of all tables; None if not known before they are read.
        is_cut: True if there are more rows than a file holds.
        media_type: `CSV` or `XLSX`.
    """

    lines: Iterator[bytes]
    rows: int | None
    is_cut: bool
    media_type: str


@dataclass(frozen=True, slots=True)
class _Made:
    """A requested table.

    Attributes:
        resolved: The view it was read for.
        table: The rows.
        about: What they are about.
        title: Its name as a sheet.
    """

    resolved: ResolvedView
    table: Table
    about: About
    title: str


def request(
    view: View,
    read: Callable[..., Table],
    arguments: tuple[object, ...],
    only: dict[str, str],
    page: str = "",
) -> str:
    """The request for a file, as JSON: one of `FILES` with its arguments after the view, and the filters as text."""
    return Request(
        file=read.__name__,
        website=view.website_id,
        range=str(view.range),
        timezone=view.timezone,
        drawn_at=view.now,
        compare=str(view.comparison),
        bucket=view.bucket,
        only=only,
        arguments=_types(read).dump_python(arguments, mode="json"),
        page=page,
    ).model_dump_json()


def is_workbook(asked: bytes) -> bool:
    """Whether a request is for a workbook, which takes longer to make; also True for some that are not."""
    return b"workbook" in asked or b"\\u" in asked


def answer(asked: bytes | str, identity: Identity | None = None) -> File:
    """The requested file; its first rows are read here, so that most errors are raised here. A workbook is made here.

    Writes an audit line per table when the file has been sent or refused. `asked` is JSON from `request`, or that of a
    `Workbook`, untrusted. No identity means no sign-in, as in demo mode.

    Raises:
        ValueError: The request is malformed, or names a file or an argument that does not exist.
        AccessDenied: The viewer may not read it now.
        SourceError: It cannot be read now.
        AnalyticsError: The server has no room for the workbook.
    """
    wanted = _ASKED.validate_json(asked)
    tables = wanted.workbook if isinstance(wanted, Workbook) else [wanted]
    if not all(each.file in FILES for each in tables):
        raise ValueError("There is no such file.")
    events = [
        Event(
            "export",
            who=None if identity is None else identity.email,
            website=each.website,
            page=each.page or None,
            file=each.file,
            range=each.range,
        )
        for each in tables
    ]
    now = datetime.now(UTC)
    try:
        viewer = cached.viewer_for(identity, now)
        events = [replace(event, who=viewer.email) for event in events]
        made = [_made(each, viewer, now) for each in tables]
        if isinstance(wanted, Workbook):
            return _workbook(made, events, now, wanted)
        return _csv(made[0], events[0])
    except AnalyticsError as error:
        for event in events:
            audit.write(audit.failed(event, error))
        raise


def _csv(made: _Made, event: Event) -> File:
    lines = csv_file.csv_lines(made.table.pages, made.about)
    lines = chain([next(lines)], lines)
    return File(_audited(lines, event), made.table.total, made.table.is_cut, CSV)


def _audited(lines: Iterator[bytes], event: Event) -> Iterator[bytes]:
    """Pass the lines on; at the end, write the audit line with the number of rows, which leaves out the header line."""
    with audit.written(event) as going:
        head = next(lines)
        yield head
        going.add(rows=head.count(b"\n") - 1)
        for part in lines:
            yield part
            going.add(rows=part.count(b"\n"))  # A cell has no line break: `csv_file.neutral`.


def _workbook(made: Sequence[_Made], events: Sequence[Event], now: datetime, wanted: Workbook) -> File:
    sheets = [workbook.Sheet(each.title, each.table.pages, each.about) for each in made]
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `_parts` closes it
    try:
        # A page's workbook begins with what it is about; a single table is what a program reads first.
        rows = workbook.write(file, sheets, _facts(made, now, wanted), is_about_first=wanted.is_page)
    except OSError as error:
        file.close()
        logging.getLogger(__name__).warning("A workbook could not be written: %s", str(error))
        raise AnalyticsError(
            "The server has no room for this file.",
            "Choose a shorter range or a filter, or take the CSV. If this stays, tell the people who run this dashboard.",
        ) from error
    except BaseException:
        file.close()
        raise
    counted = [replace(event, rows=count) for event, count in zip(events, rows, strict=True)]
    is_cut = any(each.table.is_cut for each in made) or sum(rows) >= workbook.MOST_ROWS
    return File(_audited_whole(_parts(file), counted), sum(rows), is_cut, XLSX)


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(_PART_BYTES):
            yield part


def _audited_whole(parts: Iterator[bytes], events: Sequence[Event]) -> Iterator[bytes]:
    """Pass the parts on; at the end, also of an interrupted download, write an audit line per table with all of its rows."""
    with ExitStack() as lines:
        for event in events:
            lines.enter_context(audit.written(event))
        yield from parts


def _facts(made: Sequence[_Made], now: datetime, wanted: Workbook) -> dict[str, Cell]:
    """What all tables have in common, by name."""
    resolved, about = made[0].resolved, made[0].about
    only = dict.fromkeys(text for each in made for text in each.about.only)
    before = [(each.title, each.about.previous) for each in made if each.about.previous is not None]
    not_comparable = next(filter(None, (each.table.not_comparable for each in made)), None)
    page = wanted.workbook[0].page if wanted.is_page else ""
    without = ", ".join(key.replace("-", " ").replace("_", " ").capitalize() for key in wanted.without)
    if before:
        compared = _days(before, about.timezone)
    elif not resolved.is_compared:
        compared = "Nothing: comparison is off"
    elif not_comparable is not None:
        compared = f"Nothing: not comparable, {not_comparable}"
    else:
        compared = "Nothing in this file"
    return {
        "Website": about.website,
        **({"Domain": resolved.website.domain} if made[0].table.of is None else {}),
        **({"Page": page} if page else {}),
        "Dates": _days([(each.title, (each.about.start, each.about.end)) for each in made], about.timezone),
        "Compared with": compared,
        "Timezone": about.timezone,
        "Filters": " · ".join(only) or "None",
        **({"Missing": f"{without}: no numbers were shown when the file was made."} if without else {}),
        cells.heading("Made", about.timezone): cells.local_time(now, about.timezone),
    }


def _days(edges: Sequence[tuple[str, Instants]], timezone: str) -> str:
    """The periods of tables, by title, as local days in words: each once, and with the tables that have it where they differ."""
    zone, moment = parse_timezone(timezone), timedelta(microseconds=1)
    tables: dict[str, list[str]] = {}
    for title, (start, end) in edges:
        days = periods.days_label(local_day(start, zone), local_day(max(start, end - moment), zone))
        tables.setdefault(days, []).append(f"“{title}”")
    if len(tables) == 1:
        return next(iter(tables))
    return "; ".join(f"{days} in {', '.join(titles)}" for days, titles in tables.items())


def _made(wanted: Request, viewer: Viewer, now: datetime) -> _Made:
    """Open the view and read the table.

    Raises:
        ValueError: An argument does not exist.
        AccessDenied: The viewer may not read it now.
        SourceError: It cannot be read now.
    """
    read = FILES[wanted.file]
    stands = max(AS_DRAWN, cached.numbers_ttl() + timedelta(minutes=1))
    is_young = wanted.drawn_at.tzinfo is not None and timedelta(0) <= now - wanted.drawn_at <= stands
    arguments = _types(read).validate_python(wanted.arguments)
    asked = View(
        viewer=viewer,
        website_id=wanted.website,
        range=Range.parse(wanted.range),
        timezone=wanted.timezone,
        now=now,
        comparison=Comparison.parse(wanted.compare),
        bucket=wanted.bucket,
    )
    view = cached.open_view(asked)
    if is_young:
        drawn = cached.open_view(replace(asked, now=wanted.drawn_at))
        # The plan of now, whatever it was when the page was drawn.
        view = drawn if drawn.resolved.website == view.resolved.website else view
    resolved = view.resolved
    table = read(view, *arguments)
    about = About(
        website=table.of or formatting.plain(resolved.website.name) or resolved.website.slug,
        timezone=resolved.period.timezone.key,
        start=table.period[0],
        end=table.period[1],
        previous=table.previous,
        only=filters.in_words(wanted.only),
        note=" ".join(table.notes) or None,
    )
    return _Made(resolved, table, about, titles.title(wanted.file, arguments))


_ASKED: Final[TypeAdapter[Request | Workbook]] = TypeAdapter(Request | Workbook)


@cache
def _types(read: Callable[..., Table]) -> TypeAdapter[tuple[object, ...]]:
    """Build a validator for a file's arguments after the view, by their types; an unknown filter field is an error."""
    hints = get_type_hints(read)
    types = tuple(hints[name] for name in list(inspect.signature(read).parameters)[1:])
    arguments = cast("type[tuple[object, ...]]", GenericAlias(tuple, types))
    return TypeAdapter(arguments, config=ConfigDict(extra="forbid"))
