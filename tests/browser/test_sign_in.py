"""Signing in, in a real browser against a real provider: who sees what, and what ends while a page is open.

One web app on data of its own. Where the way through the provider is not what a test is about, it is
gone through request by request, and the browser gets the cookies.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from tests.browser.conftest import lasting_visitor
from tests.conftest import LocalStack
from tests.oidc_provider import Provider, provider
from tests.product_database import Product
from tests.sign_in import COOKIES, Tab, sign_in_variables
from tests.web_apps import free_port, web_app

HOLDS_MS = 60_000
"""A ban holds within a minute."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A web app that signs people in, and what it looks at."""

    url: str
    idp: Provider
    product: Product
    other: Product


@pytest.fixture(scope="module")
def deployment(local_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The web app of this module: two organizations with a website each."""
    port, log = free_port(), tmp_path_factory.mktemp("sign-in") / "output.log"
    sources = {
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_READ_TOKEN": local_stack.read_token,
        "TINYBIRD_DAILY_QUERIES": "unlimited",
        "DATABASE_URL": local_stack.database_url,
    }
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:
        product, other = Product(connection), Product(connection)
        product.update("website", product.website_id, name="Shop of ours", domain="ours.example")
        other.update("website", other.website_id, name="Shop of theirs", domain="theirs.example")
        with provider(free_port()) as idp:
            env = sources | sign_in_variables(f"http://localhost:{port}", idp.metadata_url)
            with web_app(port, env, log) as url:
                yield Deployment(url, idp, product, other)


@pytest.fixture
def person(deployment: Deployment) -> Callable[..., tuple[str, str]]:
    """Adds a person to Postgres and to the provider. Returns the id of the row, and the subject, which is the address."""

    def add(
        *, of: Product | None = None, claims: dict[str, object] | None = None, **row: object
    ) -> tuple[str, str]:
        email = f"{uuid4().hex}@example.com"
        user_id = (of or deployment.product).add_user(email, **row)  # type: ignore[arg-type]  # columns
        deployment.idp.add(email, **{"email": email, "email_verified": True, **(claims or {})})
        return user_id, email

    return add


@pytest.fixture(scope="module")
def idle(deployment: Deployment) -> Iterator[list[BrowserContext]]:
    """Browsers without cookies that no test uses; they have Streamlit's own files in their caches."""
    contexts: list[BrowserContext] = []
    yield contexts
    for context in contexts:
        context.close()


@pytest.fixture
def browser(
    chromium: Browser, deployment: Deployment, idle: list[BrowserContext]
) -> Iterator[Callable[..., BrowserContext]]:
    """Opens browsers that share nothing, signed in or not; none of them meets an error of ours."""
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def note(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda said: (
                errors.append(said.text)
                if said.type == "error" and str(said.location["url"]).startswith(deployment.url)
                else None
            ),
        )

    def open_browser(email: str | None = None) -> BrowserContext:
        context = idle.pop() if idle else lasting_visitor(chromium, deployment.url)
        context.on("page", note)
        opened.append(context)
        if email is not None:
            tab = Tab(deployment.url)
            tab.sign_in(deployment.idp, email)
            context.add_cookies(
                [
                    {"name": each.name, "value": str(each.value), "url": deployment.url}
                    for each in tab.jar.jar
                    if each.name.startswith("_streamlit_user")
                ]
            )
        return context

    yield open_browser
    for context in opened:
        context.remove_listener("page", note)
        first, *others = context.pages
        for page in others:
            page.close()
        first.evaluate("localStorage.clear()")
        context.clear_cookies()
        idle.append(context)
    assert errors == []


def opened(context: BrowserContext, address: str, *, scheme: Literal["light", "dark"] = "light") -> Page:
    """A new tab there."""
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    return page


def through_the_provider(page: Page, deployment: Deployment, email: str) -> None:
    """Presses the button, and signs in where it leads."""
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{deployment.idp.url}/**")
    page.locator("input[name=sub]").fill(email)
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(f"{deployment.url}/**")


def heading(page: Page, text: str) -> None:
    """Waits for the page's heading."""
    expect(page.get_by_role("heading", level=1, name=text)).to_be_visible()


def test_staff_come_back_to_the_page_and_sign_out(
    browser: Callable[..., BrowserContext], deployment: Deployment, person: Callable[..., tuple[str, str]]
) -> None:
    """A deep link on a server that was not used yet, with its query; every website, and the page for staff."""
    _, email = person(role="admin", is_member=False)
    slug = deployment.other.website_id
    page = opened(browser(), f"{deployment.url}/visitors?website={slug}&range=10d")
    heading(page, "Sign in")
    expect(page).to_have_title("Sign in · Inbox Analytics")
    expect(page.locator("body")).not_to_contain_text("Shop")
    through_the_provider(page, deployment, email)
    heading(page, "Visitors")
    assert page.url == f"{deployment.url}/visitors?website={slug}&range=10d"
    expect(page.get_by_text("Shop of theirs").first).to_be_visible()
    expect(page.get_by_role("link", name="Data health")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{deployment.idp.url}/**")
    page.locator("form button, form input[type=submit]").first.click()
    heading(page, "You have signed out")
    assert page.url == f"{deployment.url}/"
    page.goto(f"{deployment.url}/visitors?website={slug}")
    heading(page, "Sign in")


def test_a_website_of_others_is_like_one_that_is_not_there(
    browser: Callable[..., BrowserContext], deployment: Deployment, person: Callable[..., tuple[str, str]]
) -> None:
    """A member reads the same page, which offers the own one, and no number of any."""
    _, email = person()
    context = browser(email)
    notices = []
    for slug in (deployment.other.website_id, f"w-{uuid4().hex}"):
        page = opened(context, f"{deployment.url}/?website={slug}")
        heading(page, "Overview")
        expect(page.get_by_role("button", name="Shop of ours")).to_be_visible()
        notices.append(page.get_by_test_id("stMain").inner_text())
        expect(page.get_by_test_id("stMetric")).to_have_count(0)
        assert "theirs" not in page.inner_text("body")
        expect(page.get_by_role("link", name="Data health")).to_have_count(0)
    assert notices[0] == notices[1]


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "unknown": ({"row": None}, "This e-mail address has no account here"),
    "not verified there": ({"claims": {"email_verified": False}}, "The identity provider has not verified"),
    "not verified here": ({"email_verified": False}, "This e-mail address is not verified"),
    "banned": ({"banned": True}, "This account is suspended"),
    "no website": ({"is_member": False}, "No website yet"),
    "no address": ({"claims": {"email": None}}, "The identity provider gave no e-mail address"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_who_may_not_look_reads_why(
    browser: Callable[..., BrowserContext],
    deployment: Deployment,
    person: Callable[..., tuple[str, str]],
    kind: str,
) -> None:
    """And finds a way out; nothing of any website is on the page."""
    how, said = REFUSED[kind]
    if "row" in how:
        email = f"{uuid4().hex}@example.com"
        deployment.idp.add(email, email=email, email_verified=True)
    else:
        _, email = person(**how)
    page = opened(browser(email), f"{deployment.url}/live?wall=1&website={deployment.product.website_id}")
    heading(page, said)
    expect(page.get_by_role("button", name="Sign in with another address")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("Shop")


def test_access_that_ends_closes_an_open_page_within_a_minute(
    browser: Callable[..., BrowserContext], deployment: Deployment, person: Callable[..., tuple[str, str]]
) -> None:
    """A ban on Live and on the wall, a membership on Overview, a demotion on Data health, a sign-out in another tab, age.

    What stood on the screen is gone then.
    """
    url, product = deployment.url, deployment.product
    banned, member, staff, leaver = person(), person(), person(role="admin"), person()
    live_tabs = browser(banned[1])
    live, wall = opened(live_tabs, f"{url}/live"), opened(live_tabs, f"{url}/live?wall=1")
    overview = opened(browser(member[1]), f"{url}/")
    health = opened(browser(staff[1]), f"{url}/data_health")
    tabs = browser(leaver[1])
    stays, leaves = opened(tabs, f"{url}/visitors"), opened(tabs, f"{url}/satisfaction")
    old = browser()
    signed_in_at = datetime.now(UTC) - timedelta(hours=12) + timedelta(seconds=40)
    claims = f'{{"is_logged_in": true, "origin": "{url}", "email": "{leaver[1]}", "email_verified": true, '
    claims += f'"iat": {int(signed_in_at.timestamp())}, "provider": "default"}}'
    value = create_signed_value(COOKIES, "_streamlit_user", claims).decode()
    old.add_cookies([{"name": "_streamlit_user", "value": value, "url": url}])
    ages = opened(old, f"{url}/conversations")
    for page in (live, overview, health, stays, leaves, ages):
        expect(page.get_by_text("Shop of ours").first).to_be_visible()
    expect(wall.get_by_text("Shop of ours").first).to_be_attached()
    expect(health.get_by_text("Queries today").first).to_be_visible()

    product.update("user", banned[0], banned=True)
    product.connection.execute("DELETE FROM member WHERE user_id = %s", (member[0],))
    product.update("user", staff[0], role="user")
    leaves.get_by_role("button", name="Sign out").click()
    for page, said in (
        (live, "This account is suspended"),
        (wall, "This account is suspended"),
        (overview, "No website yet"),
        (stays, "You have signed out"),
        (ages, "You signed in too long ago"),
    ):
        expect(page.get_by_role("heading", level=1, name=said)).to_be_visible(timeout=HOLDS_MS)
        expect(page.locator("body")).not_to_contain_text("Shop")
    expect(health.get_by_text("For staff")).to_be_visible(timeout=HOLDS_MS)
    expect(health.get_by_text("Queries today")).to_have_count(0)


def test_two_tabs_sign_in_at_once(
    browser: Callable[..., BrowserContext], deployment: Deployment, person: Callable[..., tuple[str, str]]
) -> None:
    """Both are at the provider before the first comes back; each comes back to its own page."""
    _, email = person()
    context = browser()
    tabs = [opened(context, f"{deployment.url}/{name}") for name in ("visitors", "satisfaction")]
    for tab in tabs:
        tab.get_by_role("button", name="Sign in", exact=True).click()
        tab.wait_for_url(f"{deployment.idp.url}/**")
    for tab, name in zip(tabs, ("Visitors", "Satisfaction"), strict=True):
        tab.locator("input[name=sub]").fill(email)
        tab.locator("input[name=sub]").press("Enter")
        heading(tab, name)


def test_why_it_did_not_work_is_said_once(
    browser: Callable[..., BrowserContext], deployment: Deployment
) -> None:
    """The address keeps nothing of it, and a made-up reason says nothing."""
    page = opened(browser(), f"{deployment.url}/live?sign-in=unreachable&window=15", scheme="dark")
    heading(page, "The identity provider cannot be reached")
    expect(page).to_have_url(f"{deployment.url}/live?window=15")
    page.reload()
    heading(page, "Sign in")
    page.goto(f"{deployment.url}/live?sign-in=%3Cb%3Ehacked")
    heading(page, "Sign in")
    assert "hacked" not in page.inner_text("body")
