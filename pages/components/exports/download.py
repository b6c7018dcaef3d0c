"""CSV downloads: the request that a click on CSV sends, and its answer. Access is checked when the request arrives.

The request is complete in itself, so it can be answered while its panel is redrawn, or by a server that started after the
page was drawn. It grants no access: the viewer is looked up again, as on a page.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from types import GenericAlias
from typing import Final, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from analytics import cached
from analytics.errors import AnalyticsError
from analytics.scope.access import Viewer
from analytics.scope.clock import Bucket
from analytics.scope.comparison import Comparison
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import View
from analytics.web import audit
from analytics.web.audit import Event
from pages.components import formatting
from pages.components.exports import csv_file
from pages.components.exports.csv_file import About
from pages.components.exports.tables import FILES, Table
from pages.components.page import filters

AS_DRAWN: Final = timedelta(minutes=15)
"""A page younger than this, or than its numbers stand, gets the data that it shows; an older one gets current data."""

LONGEST_REQUEST: Final = 100_000
"""Bytes."""


class Request(BaseModel):
    """The request of a click on CSV.

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
        page: Title of the page, for the audit line.
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


@dataclass(frozen=True, slots=True)
class File:
    """A file whose rows are read while it is sent.

    Attributes:
        lines: The content, in parts.
        rows: Number of rows; None if not known before they are read.
        is_cut: True if there are more rows than a file holds.
    """

    lines: Iterator[bytes]
    rows: int | None
    is_cut: bool


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


def answer(asked: bytes | str, identity: Identity | None = None) -> File:
    """The requested file; its first rows are read here, so that most errors are raised here.

    Writes an audit line when the file has been sent or refused. `asked` is JSON from `request`, untrusted. No identity means no sign-in, as in demo mode.

    Raises:
        ValueError: The request is malformed, or names a file or an argument that does not exist.
        AccessDenied: The viewer may not read it now.
        SourceError: It cannot be read now.
    """
    wanted = Request.model_validate_json(asked)
    if wanted.file not in FILES:
        raise ValueError("There is no such file.")
    event = Event(
        "export",
        who=None if identity is None else identity.email,
        website=wanted.website,
        page=wanted.page or None,
        file=wanted.file,
        range=wanted.range,
    )
    now = datetime.now(UTC)
    try:
        viewer = cached.viewer_for(identity, now)
        event = replace(event, who=viewer.email)
        file = _file(wanted, viewer, now)
    except AnalyticsError as error:
        audit.write(audit.failed(event, error))
        raise
    return replace(file, lines=_audited(file.lines, event))


def _audited(lines: Iterator[bytes], event: Event) -> Iterator[bytes]:
    """Pass the lines on; at the end, write the audit line with the number of rows, which leaves out the header line."""
    with audit.written(event) as going:
        head = next(lines)
        yield head
        going.add(rows=head.count(b"\n") - 1)
        for part in lines:
            yield part
            going.add(rows=part.count(b"\n"))  # A cell has no line break: `csv_file.neutral`.


def _file(wanted: Request, viewer: Viewer, now: datetime) -> File:
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
        website=formatting.plain(resolved.website.name) or resolved.website.slug,
        timezone=resolved.period.timezone.key,
        start=table.period[0],
        end=table.period[1],
        previous=table.previous,
        only=filters.in_words(wanted.only),
        note=" ".join(table.notes) or None,
    )
    lines = csv_file.csv_lines(table.pages, about)
    return File(chain([next(lines)], lines), table.total, table.is_cut)


@cache
def _types(read: Callable[..., Table]) -> TypeAdapter[tuple[object, ...]]:
    """Build a validator for a file's arguments after the view, by their types; an unknown filter field is an error."""
    hints = get_type_hints(read)
    types = tuple(hints[name] for name in list(inspect.signature(read).parameters)[1:])
    arguments = cast("type[tuple[object, ...]]", GenericAlias(tuple, types))
    return TypeAdapter(arguments, config=ConfigDict(extra="forbid"))
