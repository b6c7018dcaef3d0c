"""The six larger websites: their volume, hours, quality of support and topics. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Hours = Literal["shop", "cafe", "office"]

STEP_DAYS: Final = -7.0
STEP_WIDTH_DAYS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Trend:
    """A quantity that changes slowly, and perhaps once in a step.

    Attributes:
        now: Its value at the anchor; later it stays.
        rate: By how much a quarter of a year moves it, as a power of e: 0.25 is about 25 % more a quarter.
        step: By how much something moved it a week before the anchor, as a power of e too.
    """

    now: float
    rate: float = 0.0
    step: float = 0.0

    def at(self, days_from_anchor: float) -> float:
        """The value that many days after the anchor (negative: before).

        >>> round(Trend(100, rate=0.1).at(-90), 1), Trend(100, rate=0.1).at(30)
        (90.5, 100.0)
        """
        since = min(days_from_anchor, 0.0)
        still_before = 1 / (1 + np.exp((since - STEP_DAYS) / STEP_WIDTH_DAYS))
        return self.now * float(np.exp(self.rate * since / 90 - self.step * still_before))


@dataclass(frozen=True, slots=True)
class WebsiteProfile:
    """One website and the habits of its visitors and its team.

    Attributes:
        number: Its own; part of every random seed.
        hours: Which daily and weekly schedule it has, on the clock of `timezone`.
        opened_days: When it was created, in days from the anchor.
        country_shares: Share of the visitors per country; the rest of the world gets what is left.
        pages: Paths with how often they are visited, most visited first.
        conversations_a_day: How many start on an average day.
        sessions_a_day: How many visits without a conversation there are on an average day.
        ai_first_ratio: Share of conversations the AI agent answers first.
        ai_resolves_ratio: Share of those that it also resolves.
        ai_seconds: Median seconds until the AI agent answers.
        human_minutes: Median working minutes until a person answers.
        human_hours: Median working hours a person needs to resolve.
        satisfaction: Mean of the hidden satisfaction at the anchor; 0 gives about 4.2 stars.
        satisfaction_a_quarter: How much that changes in a quarter of a year.
    """

    number: int
    name: str
    slug: str
    domain: str
    timezone: str
    hours: Hours
    opened_days: int
    country_shares: dict[str, float]
    pages: tuple[tuple[str, float], ...]
    topics: tuple[str, ...]
    conversations_a_day: Trend
    sessions_a_day: Trend
    ai_first_ratio: Trend
    ai_resolves_ratio: Trend
    ai_seconds: Trend
    human_minutes: Trend
    human_hours: Trend
    satisfaction: float = 0.0
    satisfaction_a_quarter: float = 0.0
    is_german: bool = False


# Visitors can put anything into an address: these two are on every website, so that escaping is seen to work.
HOSTILE_PAGES = (
    ("/search?q=%22%3E<script>alert('page')</script>", 0.3),
    ("/search?q=" + "very-long-" * 24 + "query", 0.2),
)

_SHOP_PAGES = (
    ("/", 22.0),
    ("/collections/new-arrivals", 11.0),
    ("/collections/tents", 9.0),
    ("/collections/jackets", 8.0),
    ("/products/fjell-2-tent", 7.5),
    ("/products/ridge-rain-jacket", 6.0),
    ("/products/trail-runner-gtx", 5.5),
    ("/products/merino-base-layer", 4.5),
    ("/products/summit-45-backpack", 4.0),
    ("/products/ember-camp-stove", 3.0),
    ("/cart", 6.0),
    ("/checkout", 3.5),
    ("/account/orders", 4.0),
    ("/pages/delivery", 3.0),
    ("/pages/returns", 3.5),
    ("/pages/size-guide", 2.5),
    ("/journal/packing-for-a-weekend?utm_source=newsletter&utm_medium=email", 2.0),
    ("/journal/how-to-care-for-down", 1.2),
    *HOSTILE_PAGES,
)
_GERMAN_SHOP_PAGES = (
    ("/", 20.0),
    ("/kollektionen/neuheiten", 10.0),
    ("/kollektionen/zelte", 8.0),
    ("/kollektionen/regenjacken", 7.0),
    ("/produkte/fjell-2-zelt", 6.0),
    ("/produkte/summit-45-rucksack", 5.0),
    ("/warenkorb", 5.0),
    ("/kasse", 3.0),
    ("/seiten/lieferung", 3.0),
    ("/seiten/rückgabe", 3.0),
    ("/seiten/größentabelle", 2.0),
    *HOSTILE_PAGES,
)
_TRADE_PAGES = (("/", 10.0), ("/apply", 6.0), ("/price-list", 5.0), ("/contact", 3.0), *HOSTILE_PAGES)
_CAFE_PAGES = (
    ("/", 20.0),
    ("/menu", 16.0),
    ("/order", 9.0),
    ("/order/sourdough-box", 5.0),
    ("/locations/greenpoint", 6.0),
    ("/locations/fort-greene", 4.0),
    ("/catering", 4.0),
    ("/gift-cards", 2.0),
    *HOSTILE_PAGES,
)
_CLASS_PAGES = (
    ("/", 12.0),
    ("/classes/sourdough-basics", 8.0),
    ("/classes/laminated-dough", 5.0),
    ("/calendar", 6.0),
    ("/vouchers", 2.0),
    *HOSTILE_PAGES,
)
_LEDGER_PAGES = (
    ("/", 14.0),
    ("/pricing", 10.0),
    ("/app/invoices", 9.0),
    ("/app/dashboard", 9.0),
    ("/app/reports/gst", 6.0),
    ("/app/settings/billing", 4.0),
    ("/docs/getting-started", 6.0),
    ("/docs/import-from-spreadsheet", 4.0),
    ("/docs/api/invoices", 3.0),
    ("/blog/gst-filing-checklist", 4.0),
    ("/login", 7.0),
    *HOSTILE_PAGES,
)

# Gets better for years, and a week ago its AI agent was replaced: faster, and able to resolve more, so that people
# are left with the harder part.
NORTHWIND_SHOP = WebsiteProfile(
    number=0,
    name="Northwind Outdoor",
    slug="northwind-outdoor",
    domain="northwind.shop",
    timezone="Europe/London",
    hours="shop",
    opened_days=-912,
    country_shares={
        "GB": 0.36,
        "IE": 0.05,
        "US": 0.17,
        "NL": 0.04,
        "FR": 0.05,
        "SE": 0.03,
        "NO": 0.03,
        "AU": 0.05,
        "NZ": 0.02,
        "JP": 0.03,
        "CA": 0.04,
    },
    pages=_SHOP_PAGES,
    topics=("delivery", "returns", "sizing", "order status", "product advice", "payment", "repairs"),
    conversations_a_day=Trend(108, 0.19),
    sessions_a_day=Trend(4200, 3.2),
    ai_first_ratio=Trend(0.86, 0.04),
    ai_resolves_ratio=Trend(0.72, 0.06, step=0.26),
    ai_seconds=Trend(76, -0.30, step=-0.42),
    human_minutes=Trend(7.5, -0.30),
    human_hours=Trend(2.6, -0.20, step=0.15),
    satisfaction=0.06,
    satisfaction_a_quarter=0.10,
)
NORTHWIND_GERMANY = WebsiteProfile(
    number=1,
    name="Northwind Outdoor DE",
    slug="northwind-de",
    domain="de.northwind.shop",
    timezone="Europe/Berlin",
    hours="shop",
    opened_days=-430,
    country_shares={"DE": 0.72, "AT": 0.12, "CH": 0.09},
    pages=_GERMAN_SHOP_PAGES,
    topics=("Lieferung", "Rückgabe", "Größen", "Bestellstatus", "Beratung"),
    conversations_a_day=Trend(37, 0.10),
    sessions_a_day=Trend(270, 0.30),
    ai_first_ratio=Trend(0.80, 0.05),
    ai_resolves_ratio=Trend(0.62, 0.06),
    ai_seconds=Trend(140, -0.12),
    human_minutes=Trend(11, 0.05),
    human_hours=Trend(3.0, 0.03),
    is_german=True,
)
NORTHWIND_TRADE = WebsiteProfile(
    number=2,
    name="Northwind Trade",
    slug="northwind-trade",
    domain="trade.northwind.shop",
    timezone="America/New_York",
    hours="office",
    opened_days=-2,
    country_shares={"US": 0.8, "CA": 0.1},
    pages=_TRADE_PAGES,
    topics=("wholesale prices", "opening an account"),
    conversations_a_day=Trend(4.5),
    sessions_a_day=Trend(48),
    ai_first_ratio=Trend(0.6),
    ai_resolves_ratio=Trend(0.4),
    ai_seconds=Trend(120),
    human_minutes=Trend(30),
    human_hours=Trend(4.0),
)
TEA_AND_CRUMB = WebsiteProfile(
    number=3,
    name="Tea & Crumb",
    slug="tea-and-crumb",
    domain="teaandcrumb.cafe",
    timezone="America/New_York",
    hours="cafe",
    opened_days=-610,
    country_shares={"US": 0.93, "CA": 0.02},
    pages=_CAFE_PAGES,
    topics=("orders", "opening hours", "allergens", "catering", "gift cards"),
    conversations_a_day=Trend(17, 0.05),
    sessions_a_day=Trend(160, 0.05),
    ai_first_ratio=Trend(0.72),
    ai_resolves_ratio=Trend(0.66),
    ai_seconds=Trend(210, -0.02),
    human_minutes=Trend(14, 0.02),
    human_hours=Trend(1.2),
    satisfaction=0.15,
)
TEA_CLASSES = WebsiteProfile(
    number=4,
    name="Tea & Crumb Classes",
    slug="tea-classes",
    domain="classes.teaandcrumb.cafe",
    timezone="America/New_York",
    hours="cafe",
    opened_days=-240,
    country_shares={"US": 0.96},
    pages=_CLASS_PAGES,
    topics=("bookings", "vouchers", "dates"),
    conversations_a_day=Trend(4.5, 0.15),
    sessions_a_day=Trend(85, 0.10),
    ai_first_ratio=Trend(0.65),
    ai_resolves_ratio=Trend(0.60),
    ai_seconds=Trend(240),
    human_minutes=Trend(22),
    human_hours=Trend(2.5),
    satisfaction=0.2,
)
# Loses customers, and a week ago its AI agent lost access to half of its documents. It has canceled.
PILOT_LEDGER = WebsiteProfile(
    number=5,
    name="Pilot Ledger",
    slug="pilot-ledger",
    domain="pilotledger.app",
    timezone="Asia/Kolkata",
    hours="office",
    opened_days=-700,
    country_shares={"IN": 0.70, "AE": 0.06, "SG": 0.04, "LK": 0.03, "GB": 0.03},
    pages=_LEDGER_PAGES,
    topics=("GST filing", "invoices", "import", "billing", "bank feeds", "API"),
    conversations_a_day=Trend(35, -0.22),
    sessions_a_day=Trend(230, -0.25),
    ai_first_ratio=Trend(0.78, -0.03),
    ai_resolves_ratio=Trend(0.51, -0.10, step=-0.24),
    ai_seconds=Trend(320, 0.20, step=0.42),
    human_minutes=Trend(30, 0.40, step=0.20),
    human_hours=Trend(4.5, 0.35),
    satisfaction=-0.35,
    satisfaction_a_quarter=-0.25,
)
