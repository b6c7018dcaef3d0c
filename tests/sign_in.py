"""A deployment that signs people in, and a browser at it by what a server sees of one."""

import httpx2
import pytest
from streamlit import auth_util

from tests.oidc_provider import Provider

COOKIES = "f2b1c06a3d9e4857a0c4e1d7b8a95263"


def sign_in_variables(public_url: str, metadata_url: str) -> dict[str, str]:
    """What a deployment sets for signing in."""
    return {
        "INBOX_ANALYTICS_DEMO": "0",
        "INBOX_ANALYTICS_PUBLIC_URL": public_url,
        "INBOX_ANALYTICS_OIDC_METADATA_URL": metadata_url,
        "INBOX_ANALYTICS_OIDC_CLIENT_ID": "the-client",
        "INBOX_ANALYTICS_OIDC_CLIENT_SECRET": "hush",
        "INBOX_ANALYTICS_COOKIE_SECRET": COOKIES,
    }


def login_link(app: str) -> str:
    """Where the button leads, signed as that server does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_util, "get_signing_secret", lambda: COOKIES)
        return f"{app}/auth/login?provider={auth_util.encode_provider_token('default')}"


class Tab:
    """A browser's tab, by what a server sees of it; tabs that share a jar are of one browser."""

    def __init__(self, app: str, jar: httpx2.Cookies | None = None) -> None:
        self.app, self.jar = app, httpx2.Cookies() if jar is None else jar

    def get(self, address: str, **headers: str) -> httpx2.Response:
        """Asks with the browser's cookies, and keeps those of the answer."""
        answer = httpx2.get(address, headers=headers, cookies=self.jar, timeout=30)
        self.jar.extract_cookies(answer)
        return answer

    def leave(self, page: str) -> httpx2.Response:
        """Presses the button on that page."""
        return self.get(login_link(self.app), Referer=f"{self.app}{page}")

    def come_back(self, address: str) -> str:
        """Follows the provider's answer; where that leads."""
        answer = self.get(address)
        assert answer.status_code == 302
        return str(answer.headers["location"])

    @property
    def cookies(self) -> set[str]:
        """The names of the browser's cookies."""
        return {cookie.name for cookie in self.jar.jar}

    def sign_in(self, idp: Provider, sub: str) -> str:
        """Signs in there; where that leads."""
        return self.come_back(idp.sign_in(self.leave("/").headers["location"], sub))
