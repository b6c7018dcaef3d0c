"""Schemas of the page Live: current visitors, their places, visitors by minute."""

from analytics.schemas.schema import Column, pipe

_PLACE = (
    Column("city", "string", "untrusted text, may be empty"),
    Column("country_code", "string", "ISO 3166 alpha-2 in capital letters, empty when not known"),
    Column("latitude", "float", "degrees as they were sent, also outside the world", least=None),
    Column("longitude", "float", "degrees as they were sent, also outside the world", least=None),
)
ACTIVE_VISITORS = pipe(
    "active_visitors",
    Column("visitor_id", "string", "the visitor"),
    *_PLACE,
    Column("device_type", "string", "desktop, mobile, tablet or empty"),
    Column("browser", "string", "untrusted text"),
    Column("page_url", "string", "untrusted text"),
    Column("last_seen", "datetime", "the visitor's newest event, UTC"),
    grain=("visitor_id",),
)

VISITOR_LOCATIONS = pipe(
    "visitor_locations",
    Column(
        "latitude",
        "float",
        "degrees, empty for those without a place",
        is_nullable=True,
        least=-90,
        most=90,
    ),
    Column(
        "longitude",
        "float",
        "degrees, empty for those without a place",
        is_nullable=True,
        least=-180,
        most=180,
    ),
    Column("city", "string", "untrusted text, may be empty"),
    Column("country_code", "string", "ISO 3166 alpha-2 in capital letters, empty when not known"),
    Column("visitors", "int", "visitors at this place; may be 0 for those without a place"),
    grain=("latitude", "longitude", "city", "country_code"),
)

VISITOR_ACTIVITY = pipe(
    "visitor_activity",
    Column("minute", "datetime", "start of the minute, UTC"),
    Column("visitors", "int", "distinct visitors seen in the minute"),
    Column("newest_event", "datetime", "newest visitor event of the window, UTC", is_nullable=True),
    grain=("minute",),
)
