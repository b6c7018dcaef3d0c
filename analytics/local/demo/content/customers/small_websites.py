"""The sixty small websites of one organization: a hotel group with a chat widget on the page of each house. Pure.

They opened a few weeks ago, so that a first start makes few days of them.
"""

from typing import Final

from analytics.local.demo.content.customers.websites import HOSTILE_PAGES, Trend, WebsiteProfile

FIRST_NUMBER: Final = 100
"""Number of the first one; the others follow."""

_PAGES: Final = (
    ("/", 12.0),
    ("/rooms", 8.0),
    ("/offers", 4.0),
    ("/breakfast", 3.0),
    ("/getting-here", 3.0),
    ("/booking", 6.0),
    *HOSTILE_PAGES,
)

_TOWNS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "GB": (
        "Europe/London",
        (
            "Bath",
            "Brighton",
            "Cardiff",
            "Chester",
            "Durham",
            "Exeter",
            "Oxford",
            "Whitby",
            "York",
            "Falmouth",
        ),
    ),
    "FR": (
        "Europe/Paris",
        ("Annecy", "Arles", "Biarritz", "Colmar", "Dijon", "Honfleur", "Nantes", "Nîmes", "Reims", "Rennes"),
    ),
    "DE": (
        "Europe/Berlin",
        (
            "Bamberg",
            "Bremen",
            "Erfurt",
            "Görlitz",
            "Lübeck",
            "Münster",
            "Passau",
            "Potsdam",
            "Rostock",
            "Trier",
        ),
    ),
    "ES": (
        "Europe/Madrid",
        ("Ávila", "Cádiz", "Cuenca", "Girona", "Granada", "León", "Málaga", "Ronda", "Segovia", "Toledo"),
    ),
    "IT": (
        "Europe/Rome",
        ("Bari", "Como", "Lecce", "Lucca", "Mantova", "Matera", "Orvieto", "Parma", "Siena", "Trieste"),
    ),
    "NL": (
        "Europe/Amsterdam",
        (
            "Breda",
            "Delft",
            "Deventer",
            "Gouda",
            "Haarlem",
            "Leiden",
            "Middelburg",
            "Utrecht",
            "Zutphen",
            "Zwolle",
        ),
    ),
}

_PLAIN: Final = str.maketrans("âáàãéîíöóúüÁ", "aaaaeiioouua")

# What happened a week ago, by the website's place in a row of six: to most of them nothing.
_STEPS: Final = (0.0, 0.0, 1.3, 0.0, -1.1, 0.0)


def _website(index: int, town: str, country: str, timezone: str) -> WebsiteProfile:
    slug = town.translate(_PLAIN).lower()
    size = 2.0 + index % 5 * 2
    step = _STEPS[index % len(_STEPS)]
    return WebsiteProfile(
        number=FIRST_NUMBER + index,
        name=f"Willow House {town}",
        slug=f"willow-{slug}",
        domain=f"{slug}.willowhouse.example",
        timezone=timezone,
        hours="shop",
        opened_days=-15 - index % 2,
        country_shares={country: 0.7},
        pages=_PAGES,
        topics=("rooms", "arrival", "breakfast", "invoices"),
        conversations_a_day=Trend(size),
        sessions_a_day=Trend(size * 4),
        ai_first_ratio=Trend(0.7),
        ai_resolves_ratio=Trend(0.6, step=-step / 4),
        ai_seconds=Trend(180, step=step),
        human_minutes=Trend(20, step=step),
        human_hours=Trend(2.5),
        satisfaction=0.1 * (index % 3 - 1),
    )


SMALL_WEBSITES: Final = tuple(
    _website(index, town, country, timezone)
    for index, (town, country, timezone) in enumerate(
        (town, country, timezone) for country, (timezone, towns) in _TOWNS.items() for town in towns
    )
)
