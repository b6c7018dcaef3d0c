"""What is logged of a text of others: no secret, one line, a bounded length."""

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.transports.redaction import LONGEST, scrubbed, without_secrets

SECRET = "hu5h-Hush.hush"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXlhIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://maya:{}@db.example.com:5432/inbox failed",
        "postgresql+psycopg://maya:p@ss/{}@db/inbox",
        "https://{}@api.example.com/v0 is not reachable",
        "amqp://:{}@queue",
        "connection failed: host=db user=maya password={} dbname=inbox",
        "connection failed: host=db password='{}' dbname=inbox",
        "GET https://api.example.com/v0/pipes/p.json?token={}&q=1 failed",
        "GET /v0/pipes/p.json?q={} failed",
        "Authorization: Bearer {}",
        "authorization: {}",
        "'Authorization': 'Bearer {}'",
        "Proxy-Authorization: Basic {}",
        "Cookie: session={}; other=1",
        "X-Api-Key: {}",
        "rejected bearer {}",
        "password={}",
        "PASSWORD: {}",
        "the password is {}",
        "password {} is wrong",
        "no token '{}' in this workspace",
        'no token "{}" in this workspace',
        "no token `{}` in this workspace",
        '{{"token": "{}"}}',
        r"{{\"token\": \"{}\"}}",
        '{{"client_secret":"{}"}}',
        "AWS_SECRET_ACCESS_KEY={}",
        "TINYBIRD_ADMIN_TOKEN={}",
        "api-key => {}",
        "CREATE USER maya IDENTIFIED BY '{}'",
        "CREATE USER maya IDENTIFIED WITH sha256_password BY '{}'",
        "ALTER ROLE maya PASSWORD '{}'",
        "s3('https://bucket/x', secret={})",
    ],
)
def test_a_secret_that_is_called_one(text: str) -> None:
    """By its name, by the header it stands in, by its place in an address."""
    said = scrubbed(text.format(SECRET))
    assert "hush" not in said.lower()
    assert "***" in said


@pytest.mark.parametrize(
    "secret",
    [
        "p.SECRETTOKEN",
        "p.eyJ1IjogImFiY2QiLCAiaWQiOiAiMTIzNCJ9.Zm9v_YmFy-QnV6",
        JWT,
        JWT.rpartition(".")[0],
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG0123456789_abcdefgh",
        "sk-proj-abcdefgh1234ABCD5678",
        "xoxb-123456789012-abcdefABCDEF",
        "AKIAIOSFODNN7EXAMPLE1234",
        "AIzaSyA1234567890abcdefghijklmnopqrstu",
        "0123456789abcdef0123456789abcdef",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        base64.b64encode(bytes(range(60, 100))).decode(),
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg",
    ],
    ids=lambda secret: secret[:12],
)
def test_a_secret_that_only_looks_like_one(secret: str) -> None:
    """Without a name, in the middle of a sentence."""
    assert scrubbed(f"boom {secret} boom") in {"boom *** boom", "boom ***"}


def test_secrets_that_are_known_go_wherever_they_stand() -> None:
    """Also those that look like words, and within others."""
    assert scrubbed("xhushx hush", ["hush", ""]) == "x***x ***"


@pytest.mark.parametrize(
    "text",
    [
        "the column is gone",
        "Resource 'conversation_metrics_quarantine' not found",
        "Missing columns: 'first_response_seconds' while processing query",
        "Table db.visitor_events_quarantine does not exist. (UNKNOWN_TABLE)",
        "Only one delete job at a time per Data Source",
        "Code: 62. DB::Exception: Syntax error: failed at position 14 (FORMAT) (line 1, col 14)",
        "Error validating the value of parameter 'timezone': Cannot load time zone Mars/X",
        "There is no supertype for types String, DateTime64(3), Nullable(UInt64)",
        "too many requests, try again in 2 seconds",
        "invalid authentication token",
        "The token has no scope for this pipe",
        "basic authentication is not supported",
        "SELECT p.website_id FROM product AS p",
        "is it 2 or 3? a = b",
        "https://api.us-east.aws.tinybird.co/v0/pipes/unique_visitors.json answered 500",
        "website 7d9f1c52-0f4b-4a55-9a43-1d5b3f0f7f10",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A refusal must stay readable for the operator; the code distinguishes some by their text."""
    assert scrubbed(text) == text


def test_nothing_that_shows_nothing_hides_a_secret() -> None:
    """Neither a colour of a terminal, nor a character without width, nor a line break."""
    for character in ("\x00", "\x1b", "\u200b", "\u202e", "\ufeff", "\n", "\r\n", "\u2028", "\x85", "\ud800"):
        said = scrubbed(f"password{character}={character}{SECRET}{character} end")
        assert said in {"password=*** end", "password = *** end"}
    for character in ("\u200b", "\u202e", "\ufeff", "\u00ad"):
        assert scrubbed(f"pass{character}word=hu{character}sh") == "password=***"


@given(st.text(), st.text(string.ascii_letters + string.digits, min_size=8, max_size=40), st.text())
def test_any_text_becomes_one_short_printable_line(before: str, secret: str, after: str) -> None:
    """And a token of JSON is gone, whatever stands around it."""
    said = scrubbed(before + " " + json.dumps({"token": f"Q{secret}7"}) + after)
    assert len(said) <= LONGEST
    assert said.isprintable()
    assert f"Q{secret}7" not in said or f"Q{secret}7" in before + after


@pytest.mark.parametrize(
    "unit", ["p.", "token ", "a://", "sk-", "?a=", "password", "eyJ.", "'", "-", "aA1", "\\"]
)
def test_a_text_that_is_made_to_take_long_is_read(unit: str) -> None:
    """Repeated beginnings of what is looked for; a run that grows with the square would not end."""
    assert len(scrubbed(unit * 500_000)) <= LONGEST


def test_a_traceback_keeps_its_lines() -> None:
    """Only the secret is gone."""
    text = f'File "a.py", line 1\n    connect("postgresql://a:{SECRET}@db")\nOSError: no'
    assert without_secrets(text) == 'File "a.py", line 1\n    connect("postgresql://***@db")\nOSError: no'
