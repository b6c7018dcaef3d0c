"""Formats numbers, durations, dates and untrusted text for the screen.

Owns every text made from a value. Does not know Streamlit: each function maps a value to text.
A missing value (None or NaN) is always `–`, never 0. A space comes before the unit, as in SI: `63.4 %`, `48 s`. Shares and
scores always have one decimal, so that they align in a column.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta

from analytics.kpis.declarations import Kind
from analytics.scope.access import Website
from analytics.scope.clock import parse_timezone

LONGEST_NAME = 60
MISSING = "–"
AGE_HOLDS = timedelta(minutes=3)
MINUS = "−"

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])")
# Markdown renderers turn plain addresses into links, escaped or not; an invisible word joiner inside prevents it.
# Streamlit replaces icons and colours before it reads escapes; a joiner after their colon prevents that too.
_AUTOLINK = re.compile(r"@|www(?=\.)|https?(?=:)|:(?=[a-z])", re.IGNORECASE)
# A lone surrogate cannot be sent to a browser either.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MARK = re.compile(
    # Characters that change the direction of text, or are invisible.
    r"[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
    # A zero-width joiner is kept only between letters of scripts that use it and between the parts of an emoji.
    r"|(?<![^\x00-\xa0])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\xa0\u200c\u200d])"
)
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:pp|[smhd]|points|seconds?|minutes?|hours?|days?)\b)")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_FIRST_STRONG, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"
_LEFT_TO_RIGHT_MARK = "\u200e"


class Ratio(float):
    """A share or a factor, 1 for 100 %: a workbook shows it in percent, whatever its column is named."""


def duration(seconds: float | None) -> str:
    """A duration in its two largest units, rounded.

    >>> duration(48), duration(252), duration(9660), duration(273600)
    ('48 s', '4 m 12 s', '2 h 41 m', '3 d 4 h')
    >>> duration(0.4), duration(None), duration(3599.9), duration(0.004)
    ('0.4 s', '–', '1 h', '< 0.1 s')
    """
    if seconds is None or math.isnan(seconds):
        return MISSING
    if 0 < seconds < 9.95:
        return f"{rounded(seconds, 1, lowest=0)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two_units(whole // 60, "m", whole % 60, "s")
    minutes = round(seconds / 60)
    if minutes < 1440:
        return _two_units(minutes // 60, "h", minutes % 60, "m")
    hours = round(seconds / 3600)
    return _two_units(hours // 24, "d", hours % 24, "h")


def _two_units(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{count(large)} {large_unit}" + (f" {small} {small_unit}" if small else "")


def rounded(value: float, decimals: int, *, lowest: float = -math.inf, highest: float = math.inf) -> str:
    """A number without trailing `.0` that never reads as `lowest` or `highest` unless it is: `< 0.1` instead of 0.

    >>> [rounded(value, 1, lowest=0, highest=100) for value in (-0.0, 0.04, 0.06, 63.4, 99.94, 99.96, 100)]
    ['0', '< 0.1', '0.1', '63.4', '99.9', '> 99.9', '100']
    """
    text, step = f"{value:z,.{decimals}f}", 10.0**-decimals
    shown = float(text.replace(",", ""))
    if shown <= lowest < value:
        return f"< {lowest + step:,.{decimals}f}"
    if value < highest <= shown:
        return f"> {highest - step:,.{decimals}f}"
    return text.removesuffix("." + "0" * decimals)


def count(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> count(18420), count(None), count(0.4)
    ('18,420', '–', '< 1')
    """
    return MISSING if value is None or math.isnan(value) else rounded(value, 0, lowest=0)


def rate(ratio: float | None, decimals: int = 1) -> str:
    """A ratio (0..1) in percent, always with its decimals; only exactly 0 and 1 read as 0.0 % and 100.0 %.

    >>> rate(0.634), rate(1.0), rate(None), rate(0.9996), rate(0.0004), rate(0.99), rate(0.4, 0)
    ('63.4 %', '100.0 %', '–', '> 99.9 %', '< 0.1 %', '99.0 %', '40 %')
    """
    if ratio is None or math.isnan(ratio):
        return MISSING
    return f"{_padded(ratio * 100, decimals)} %"


def score(value: float | None) -> str:
    """A score (0..100) with one decimal.

    >>> score(81.24), score(None), score(99.96), score(70.0)
    ('81.2', '–', '> 99.9', '70.0')
    """
    if value is None or math.isnan(value):
        return MISSING
    return _padded(value, 1)


def value_of(kind: Kind, value: float | None) -> str:
    """A KPI's value, formatted by its kind.

    >>> value_of("duration", 252), value_of("ratio", 0.634), value_of("count", None)
    ('4 m 12 s', '63.4 %', '–')
    """
    return _WRITTEN[kind](value)


def _padded(value: float, decimals: int) -> str:
    """`rounded` for a number from 0 to 100, always with all decimals, so that numbers align in a column."""
    text = rounded(value, decimals, lowest=0, highest=100)
    return text if "." in text or not decimals else f"{text}.{'0' * decimals}"


def signed(value: float, unit: str, decimals: int = 1) -> str:
    """A change with sign (a real minus sign) and unit; without sign if it rounds to zero.

    >>> signed(4.14, "pp"), signed(-18.2, "%", 0), signed(0.01, "points")
    ('+4.1 pp', '−18 %', '0 points')
    """
    text = f"{abs(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return f"0 {unit}"
    return f"{MINUS if value < 0 else '+'}{text} {unit}"


def counted(n: float, noun: str) -> str:
    """A count with its noun; `noun` is the plural.

    >>> counted(101, "responses"), counted(1, "responses"), counted(1204, "resolved")
    ('101 responses', '1 response', '1,204 resolved')
    """
    return f"{count(n)} {noun.removesuffix('s') if n == 1 else noun}"


def unbroken(text: str) -> str:
    r"""The text for a narrow card: no number stands in another line than its unit.

    >>> unbroken("was 2 m 21 s · between −5 and +12 %").split(" ")
    ['was', '2\xa0m', '21\xa0s', '·', 'between', '−5', 'and', '+12\xa0%']
    """
    return _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text)


def age(elapsed: timedelta) -> str:
    """An age in its largest unit, rounded down; a negative age is `now`.

    >>> age(timedelta(seconds=59.6)), age(timedelta(minutes=3, seconds=50)), age(timedelta(seconds=-2))
    ('59 s', '3 min', 'now')
    """
    seconds = elapsed.total_seconds()
    if seconds < 1:
        return "now"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{count(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def device(kind: str) -> str:
    """The name of a device type, not escaped.

    >>> device("mobile"), device("")
    ('Mobile', 'Unknown')
    """
    return (plain(kind) or "unknown").capitalize()


def ago(elapsed: timedelta) -> str:
    """`age` with "ago".

    >>> ago(timedelta(seconds=12)), ago(timedelta(0))
    ('12 s ago', 'now')
    """
    words = age(elapsed)
    return words if words == "now" else f"{words} ago"


def without_year(days: str, other: str) -> str:
    """A label of days without its year if the label beside it (`other`) ends with the same year.

    >>> without_year("9–15 Nov 2026", "16–22 Nov 2026"), without_year("24–31 Dec 2025", "1–8 Jan 2026")
    ('9–15 Nov', '24–31 Dec 2025')
    """
    year = days[-5:]
    return days.removesuffix(year) if other.endswith(year) and days.count(year) == 1 else days


def clock(instant: datetime, timezone: str) -> str:
    """The local time of day of an aware instant, to the minute.

    >>> from datetime import UTC
    >>> clock(datetime(2026, 11, 22, 14, 3, 22, tzinfo=UTC), "Asia/Kolkata")
    '19:33'
    """
    return f"{instant.astimezone(parse_timezone(timezone)):%H:%M}"


def clock_seconds(instant: datetime, timezone: str) -> str:
    """The local time of day of an aware instant, to the second."""
    return f"{instant.astimezone(parse_timezone(timezone)):%H:%M:%S}"


def moment(at: datetime, now: datetime, timezone: str) -> str:
    """The local time of day of an instant, with the date unless it is today.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    >>> moment(datetime(2026, 11, 26, 9, 5, 2, tzinfo=UTC), now, "UTC"), moment(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), now, "UTC")
    ('09:05:02', '24 Nov, 09:05')
    """
    local, today = (each.astimezone(parse_timezone(timezone)) for each in (at, now))
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local.day} {local:%b, %H:%M}"


def when(at: datetime, read_at: datetime, now: datetime, timezone: str) -> str:
    """How long ago an event was that is called the newest; its time of day if it was read too long ago to be that still.

    >>> from datetime import UTC
    >>> at, read_at = datetime(2026, 11, 26, 11, 52, tzinfo=UTC), datetime(2026, 11, 26, 11, 53, tzinfo=UTC)
    >>> [when(at, read_at, read_at + timedelta(minutes=passed), "UTC") for passed in (1, 4)]
    ['2 min ago', '11:52:00']
    """
    return ago(now - at) if now - read_at <= AGE_HOLDS else moment(at, now, timezone)


def since(at: datetime, now: datetime, timezone: str) -> str:
    """The local time of day of an instant, with the date unless it is today, and how long ago it was.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    >>> since(datetime(2026, 11, 26, 11, 52, tzinfo=UTC), now, "UTC"), since(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), now, "UTC")
    ('11:52, 8 min ago', '24 Nov, 09:05, 2 d ago')
    """
    return f"{_minute(at.astimezone(parse_timezone(timezone)), now)}, {ago(now - at)}"


def as_of(stale_since: datetime | None, now: datetime) -> str:
    """The end of a text whose value is a last good one among fresh ones; empty for a fresh one.

    `stale_since` is when it was read, in the timezone to show.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    >>> as_of(datetime(2026, 11, 26, 9, 5, tzinfo=UTC), now), as_of(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), now), as_of(None, now)
    (' as of 09:05', ' as of 24 Nov, 09:05', '')
    """
    return "" if stale_since is None else f" as of {_minute(stale_since, now)}"


def _minute(local: datetime, now: datetime) -> str:
    day = "" if local.date() == now.astimezone(local.tzinfo).date() else f"{local.day} {local:%b}, "
    return f"{day}{local:%H:%M}"


def page_path(url: str) -> str:
    """The path and query of a page's URL; text that is not a URL is returned unchanged.

    >>> page_path("https://northwind.shop/pricing?plan=pro"), page_path("https://northwind.shop"), page_path("")
    ('/pricing?plan=pro', '/', '–')
    """
    line = _line(url, 200)
    without_host = re.sub(r"^https?://[^/?#]*", "", line)
    if line and not without_host:
        return "/"
    return left_to_right(without_host) or MISSING


def plain(text: object, limit: int = 200) -> str:
    r"""Untrusted text on one line, cut at `limit`, without control characters and direction marks.

    Right-to-left text gets isolation marks, so that it does not reorder the numbers and signs beside it.

    >>> plain("São\nPaulo\x00\ud800"), plain("x" * 5, limit=3), ascii(plain("\u200f\u062f\u0628\u064a"))
    ('São Paulo', 'xx…', "'\\u2068\\u062f\\u0628\\u064a\\u2069'")
    """
    line = _line(text, limit)
    if str(text).startswith(_LEFT_TO_RIGHT):  # From `left_to_right`.
        return left_to_right(line)
    return f"{_FIRST_STRONG}{line}{_END}" if _has_right_to_left(line) else line


def website_name(website: Website) -> str:
    """The name of a website, untrusted text; its slug if the name has no visible character."""
    return plain(website.name, LONGEST_NAME) or website.slug


def left_to_right(text: str) -> str:
    r"""Text such as an address, with marks that keep its parts in left-to-right order whatever their script.

    >>> left_to_right("/pricing"), ascii(left_to_right("/\u05d0?p=1"))
    ('/pricing', "'\\u2066/\\u05d0?p=1\\u2069'")
    """
    return f"{_LEFT_TO_RIGHT}{text}{_END}" if _has_right_to_left(text) else text


def in_table(text: str) -> str:
    """Text for a table cell, marked as left-to-right: a cell takes its direction from the first letter with a direction."""
    return f"{_LEFT_TO_RIGHT_MARK}{text}" if _has_right_to_left(text) else text


def _line(text: object, limit: int) -> str:
    line = re.sub(r"\s+", " ", _MARK.sub("", _CONTROL.sub(" ", str(text)))).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _has_right_to_left(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text)


def markdown(text: object, limit: int = 200) -> str:
    r"""Untrusted text, escaped so that Markdown shows it literally: no link, image, HTML, directive or formula.

    >>> markdown("<img src=x> [a](b) :material/home: $x$").replace("\u2060", "")
    '\\<img src\\=x\\> \\[a\\]\\(b\\) \\:material/home\\: \\$x\\$'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", _AUTOLINK.sub("\\g<0>\u2060", plain(text, limit)))


def place(city: str, country_code: str) -> str:
    """A visitor's place: city and country code, as far as known.

    >>> place("London", "GB"), place("", "GB"), place("", "")
    ('London, GB', 'GB', 'Unknown')
    """
    parts = (plain(city), plain(country_code))
    return left_to_right(", ".join(part for part in parts if part)) or "Unknown"


_WRITTEN: dict[Kind, Callable[[float | None], str]] = {
    "duration": duration,
    "ratio": rate,
    "score": score,
    "count": count,
}
