"""The template of a conversation's address: what is refused, and that no value leaves its place."""

import re
from urllib.parse import unquote, urlsplit

import pytest

from analytics.settings.product_link import checked_template, conversation_address

TEMPLATE = "https://inbox.example/{website}/conversations/{id}"


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        "http://localhost:3000/c/{id}",
        "https://inbox.example/?website={website_id}&conversation={id}#top",
        "https://inbox.example/{id}/{id}",
    ],
)
def test_an_address_with_the_conversation_is_a_template(template: str) -> None:
    """Path, query and fragment may hold placeholders, any number of times."""
    assert checked_template(template) == template


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("https://inbox.example/conversations", "{id}"),
        ("https://inbox.example/{website}", "{id}"),
        ("javascript:alert({id})", "http"),
        ("//inbox.example/{id}", "http"),
        ("inbox.example/{id}", "http"),
        ("https:///{id}", "http"),
        ("https://{website}.example/{id}", "host"),
        ("https://user:secret@inbox.example/{id}", "host"),
        ("https://inbox.example/{id}/{visitor}", "possible are"),
        ("https://inbox.example/{id!r}", "possible are"),
        ("https://inbox.example/{id.__class__}", "possible are"),
        ("https://inbox.example/{}{id}", "possible are"),
        ("https://inbox.example/{id}}", "possible are"),
        ("https://inbox.example/{{id}}", "possible are"),
        ("https://inbox.example/{ID}", "possible are"),
        ("https://inbox.example/a b/{id}", "spaces"),
        ("https://inbox.example/ü/{id}", "ASCII"),
        ("https://[inbox/{id}", "IPv6"),
    ],
)
def test_what_is_no_template_is_refused(template: str, words: str) -> None:
    """Another scheme, no host, a placeholder in the host, unknown or unfinished placeholders, no conversation."""
    with pytest.raises(ValueError, match=re.escape(words)):
        checked_template(template)


@pytest.mark.parametrize(
    "value",
    ["../../admin", "a/b", "a?b=c#d", "a&b", "<script>", "{website}", "ü\u202e", "a\nb", "%2e%2e", "\ud800"],
)
def test_a_value_stays_in_its_place(value: str) -> None:
    """Whatever an id holds, scheme, host and the parts around it are the template's, and it reads back."""
    address = conversation_address(TEMPLATE, conversation_id=value, website_id="w", website_slug=value)
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "inbox.example", "", "")
    steps = parts.path.split("/")
    assert len(steps) == 4
    assert steps[2] == "conversations"
    assert unquote(steps[3]) == value.replace("\ud800", "?")
    assert address.isascii()


@pytest.mark.parametrize("value", [".", ".."])
def test_an_id_of_dots_is_no_step_upwards(value: str) -> None:
    """Browsers take dots alone as steps, encoded ones too."""
    address = conversation_address(TEMPLATE, conversation_id=value, website_id="w", website_slug="shop")
    assert address == "https://inbox.example/shop/conversations/_"
