"""Numbers, durations, dates and untrusted text as people read them.

Owns every string made from a value. Knows nothing of Streamlit: each function maps a value to text.
A value that does not exist (None or NaN) is always `–`, never 0. A unit stands behind a space, as SI writes it: `63.4 %`,
`48 s`; shares and scores always have one decimal, so that those of a column stand under each other.
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
MINUS = "−"

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])")
# Browsers of Markdown turn bare addresses into links, escaped or not; a word joiner inside them does not show.
# Icons and colours are looked for before escapes are: a joiner after their colon ends them as well.
_AUTOLINK = re.compile(r"@|www(?=\.)|https?(?=:)|:(?=[a-z])", re.IGNORECASE)
# Half a character (a surrogate) cannot be sent to a browser either.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MARK = re.compile(
    # What turns the direction of text, or is not there to be seen.
    r"[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
    # A joiner has a meaning between letters of some scripts, and between the parts of an emoji, alone.
    r"|(?<![^\x00-\xa0])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\xa0\u200c\u200d])"
)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_FIRST_STRONG, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"
_LEFT_TO_RIGHT_MARK = "\u200e"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: the two largest units, rounded.

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
    """A rounded number that claims a special case only where the exact one is it: none, all.

    Args:
        value: What is rounded.
        decimals: How many at most; those that are all 0 are left out.
        lowest: A value over it is never shown as it.
        highest: A value under it is never shown as it.

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
    """A share between 0 and 1 in percent, always with its decimals; 0.0 % is none at all, and 100.0 % all of it.

    >>> rate(0.634), rate(1.0), rate(None), rate(0.9996), rate(0.0004), rate(0.99), rate(0.4, 0)
    ('63.4 %', '100.0 %', '–', '> 99.9 %', '< 0.1 %', '99.0 %', '40 %')
    """
    if ratio is None or math.isnan(ratio):
        return MISSING
    return f"{_padded(ratio * 100, decimals)} %"


def score(value: float | None) -> str:
    """An index between 0 and 100, one decimal.

    >>> score(81.24), score(None), score(99.96), score(70.0)
    ('81.2', '–', '> 99.9', '70.0')
    """
    if value is None or math.isnan(value):
        return MISSING
    return _padded(value, 1)


def value_of(kind: Kind, value: float | None) -> str:
    """A value of a KPI as its kind is written.

    >>> value_of("duration", 252), value_of("ratio", 0.634), value_of("count", None)
    ('4 m 12 s', '63.4 %', '–')
    """
    return _WRITTEN[kind](value)


def _padded(value: float, decimals: int) -> str:
    """A number between 0 and 100 as `rounded`, with all its decimals: so those of a column stand under each other."""
    text = rounded(value, decimals, lowest=0, highest=100)
    return text if "." in text or not decimals else f"{text}.{'0' * decimals}"


def signed(value: float, unit: str, decimals: int = 1) -> str:
    """A change with its sign, a true minus and its unit; a change that rounds to nothing has no sign.

    >>> signed(4.14, "pp"), signed(-18.2, "%", 0), signed(0.01, "points")
    ('+4.1 pp', '−18 %', '0 points')
    """
    text = f"{abs(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return f"0 {unit}"
    return f"{MINUS if value < 0 else '+'}{text} {unit}"


def counted(n: float, noun: str) -> str:
    """So many of a noun that is given for many.

    >>> counted(101, "responses"), counted(1, "responses"), counted(1204, "resolved")
    ('101 responses', '1 response', '1,204 resolved')
    """
    return f"{count(n)} {noun.removesuffix('s') if n == 1 else noun}"


def age(elapsed: timedelta) -> str:
    """How long something has been over, in its largest unit, rounded down; a moment ahead of this clock counts as now.

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
    """A kind of device as it is called everywhere, still to be escaped.

    >>> device("mobile"), device("")
    ('Mobile', 'Unknown')
    """
    return (plain(kind) or "unknown").capitalize()


def ago(elapsed: timedelta) -> str:
    """`age` in a sentence.

    >>> ago(timedelta(seconds=12)), ago(timedelta(0))
    ('12 s ago', 'now')
    """
    words = age(elapsed)
    return words if words == "now" else f"{words} ago"


def without_year(days: str, other: str) -> str:
    """A label of days without its year, where the label it stands beside ends with the same.

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
    """The local time of day of an instant, with its day where that is not today's.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    >>> moment(datetime(2026, 11, 26, 9, 5, 2, tzinfo=UTC), now, "UTC"), moment(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), now, "UTC")
    ('09:05:02', '24 Nov, 09:05')
    """
    local, today = (each.astimezone(parse_timezone(timezone)) for each in (at, now))
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local.day} {local:%b, %H:%M}"


def page_path(url: str) -> str:
    """A page's address without scheme and host, which are the website's own; what is no address stays as it is.

    >>> page_path("https://northwind.shop/pricing?plan=pro"), page_path("https://northwind.shop"), page_path("")
    ('/pricing?plan=pro', '/', '–')
    """
    line = _line(url, 200)
    without_host = re.sub(r"^https?://[^/?#]*", "", line)
    if line and not without_host:
        return "/"
    return left_to_right(without_host) or MISSING


def plain(text: object, limit: int = 200) -> str:
    r"""Untrusted text on one line, cut at `limit`, without control characters and marks of direction.

    Text that runs from right to left is isolated, so that numbers and signs beside it stay where they are.

    >>> plain("São\nPaulo\x00\ud800"), plain("x" * 5, limit=3), ascii(plain("\u200f\u062f\u0628\u064a"))
    ('São Paulo', 'xx…', "'\\u2068\\u062f\\u0628\\u064a\\u2069'")
    """
    line = _line(text, limit)
    if str(text).startswith(_LEFT_TO_RIGHT):  # As `left_to_right` has written it.
        return left_to_right(line)
    return f"{_FIRST_STRONG}{line}{_END}" if _has_right_to_left(line) else line


def website_name(website: Website) -> str:
    """The name of a website, untrusted text; its slug where it has none that can be read."""
    return plain(website.name, LONGEST_NAME) or website.slug


def left_to_right(text: str) -> str:
    r"""Text whose parts stand from left to right whatever their letters are, such as an address; isolated as `plain`.

    >>> left_to_right("/pricing"), ascii(left_to_right("/\u05d0?p=1"))
    ('/pricing', "'\\u2066/\\u05d0?p=1\\u2069'")
    """
    return f"{_LEFT_TO_RIGHT}{text}{_END}" if _has_right_to_left(text) else text


def in_table(text: str) -> str:
    """The text for a cell of a table, which takes its direction from the first letter that has one: from left to right."""
    return f"{_LEFT_TO_RIGHT_MARK}{text}" if _has_right_to_left(text) else text


def _line(text: object, limit: int) -> str:
    line = re.sub(r"\s+", " ", _MARK.sub("", _CONTROL.sub(" ", str(text)))).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _has_right_to_left(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text)


def markdown(text: object, limit: int = 200) -> str:
    r"""Untrusted text that Markdown shows letter for letter: no link, image, HTML, directive or formula.

    >>> markdown("<img src=x> [a](b) :material/home: $x$").replace("\u2060", "")
    '\\<img src\\=x\\> \\[a\\]\\(b\\) \\:material/home\\: \\$x\\$'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", _AUTOLINK.sub("\\g<0>\u2060", plain(text, limit)))


def place(city: str, country_code: str) -> str:
    """Where a visitor is: city and country code, whichever is known.

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
