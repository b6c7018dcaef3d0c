"""The four organizations of the demo and their people. Pure.

Names, plans and roles are written down here, their websites in `websites` and `small_websites`.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analytics.local.demo.content.customers.small_websites import SMALL_WEBSITES
from analytics.local.demo.content.customers.websites import (
    NORTHWIND_GERMANY,
    NORTHWIND_SHOP,
    NORTHWIND_TRADE,
    PILOT_LEDGER,
    TEA_AND_CRUMB,
    TEA_CLASSES,
    WebsiteProfile,
)
from analytics.local.demo.content.identifiers import ulid

DAY = 86_400
MemberRole = Literal["owner", "admin", "member"]


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the chat product and of the dashboard."""

    name: str
    email: str
    role: MemberRole
    is_verified: bool = True
    is_banned: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """One plan an organization has or had; times in days from the anchor."""

    plan: str
    status: str
    started_days: int
    ends_days: int


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer of the chat product."""

    name: str
    slug: str
    joined_days: int
    subscriptions: tuple[Subscription, ...]
    people: tuple[Person, ...]
    websites: tuple[WebsiteProfile, ...] = field(default=())


STAFF = (
    Person("Dana Demo", "demo@inbox-analytics.example", "admin"),
    Person("Jonas Falk", "jonas.falk@inbox-analytics.example", "admin"),
)

ORGANIZATIONS = (
    Organization(
        name="Northwind Outdoor",
        slug="northwind",
        joined_days=-915,
        subscriptions=(
            Subscription("hobby", "canceled", -915, -640),
            Subscription("pro", "active", -640, 17),
        ),
        people=(
            Person("Maya Lindqvist", "maya.lindqvist@northwind.example", "owner"),
            Person("Tom Okafor", "tom.okafor@northwind.example", "admin"),
            Person("Priya Raman", "priya.raman@northwind.example", "member"),
            Person("Elena Petrova", "elena.petrova@northwind.example", "member"),
            Person("Lukas Brandt", "lukas.brandt@northwind.example", "member"),
            Person("Rowan Ashby", "rowan.ashby@northwind.example", "member", is_banned=True),
        ),
        websites=(NORTHWIND_SHOP, NORTHWIND_GERMANY, NORTHWIND_TRADE),
    ),
    Organization(
        name="Tea & Crumb",
        slug="tea-and-crumb",
        joined_days=-612,
        subscriptions=(Subscription("free", "active", -612, 365),),
        people=(
            Person("Nora Castellano", "nora@teaandcrumb.example", "owner"),
            Person("Imani Okoro", "imani@teaandcrumb.example", "member", is_verified=False),
        ),
        websites=(TEA_AND_CRUMB, TEA_CLASSES),
    ),
    Organization(
        name="Pilot Ledger",
        slug="pilot-ledger",
        joined_days=-705,
        subscriptions=(Subscription("pro", "canceled", -701, 9),),
        people=(
            Person("Arjun Mehta", "arjun.mehta@pilotledger.example", "owner"),
            Person("Sana Iyer", "sana.iyer@pilotledger.example", "admin"),
            Person("Dev Kapoor", "dev.kapoor@pilotledger.example", "member"),
        ),
        websites=(PILOT_LEDGER,),
    ),
    # Last, so that the identifiers of the others stay what they are.
    Organization(
        name="Willow House Hotels",
        slug="willow-house",
        joined_days=-30,
        subscriptions=(Subscription("pro", "active", -30, 335),),
        people=(
            Person("Ines Duarte", "ines.duarte@willowhouse.example", "owner"),
            Person("Piet Vos", "piet.vos@willowhouse.example", "member"),
        ),
        websites=SMALL_WEBSITES,
    ),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identifiers of one demo, made from its seed and anchor.

    Attributes:
        organizations: Organization slug → id.
        websites: Website slug → id.
        people: E-mail → user id.
        ai_agents: Organization slug → id of its AI agent.
    """

    organizations: dict[str, str]
    websites: dict[str, str]
    people: dict[str, str]
    ai_agents: dict[str, str]


def identity(seed: int, anchor: int) -> Identity:
    """Identifiers of the organizations, websites and people named here; `anchor` in UTC seconds."""
    random = np.random.default_rng([seed, 0])
    organizations: dict[str, str] = {}
    websites: dict[str, str] = {}
    people = {person.email: ulid(random, anchor - 1000 * DAY) for person in STAFF}
    ai_agents: dict[str, str] = {}
    for organization in ORGANIZATIONS:
        joined = anchor + organization.joined_days * DAY
        organizations[organization.slug] = ulid(random, joined)
        ai_agents[organization.slug] = ulid(random, joined + DAY)
        people |= {person.email: ulid(random, joined) for person in organization.people}
        websites |= {
            website.slug: ulid(random, anchor + website.opened_days * DAY)
            for website in organization.websites
        }
    return Identity(organizations, websites, people, ai_agents)
