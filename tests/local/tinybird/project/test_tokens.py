"""The tokens file: made once, private, kept, never shown."""

import json
from pathlib import Path

import pytest

from analytics.local.tinybird.project.tokens import Tokens, load_tokens


def test_the_first_load_makes_three_different_tokens_that_only_the_owner_may_read(tmp_path: Path) -> None:
    """A new directory gets a private file with three long, different tokens."""
    tokens = load_tokens(tmp_path / "new")
    assert len({tokens.read, tokens.append, tokens.admin}) == 3
    assert min(len(tokens.read), len(tokens.append), len(tokens.admin)) > 40
    assert (tmp_path / "new" / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_the_second_load_gives_the_same_tokens(tmp_path: Path) -> None:
    """Restarts keep the tokens that clients were given."""
    assert load_tokens(tmp_path) == load_tokens(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"read": "a", "append": "a", "admin": "b"}',
        '{"read": "", "append": "a", "admin": "b"}',
    ],
    ids=["empty", "list", "no-tokens", "repeated", "blank"],
)
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    """A file that cannot be used is an error that says what to do, and is not overwritten."""
    path = tmp_path / "tokens.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"tokens\.json.*delete it"):
        load_tokens(tmp_path)
    assert path.read_text() == content


def test_a_token_opens_its_own_role_alone() -> None:
    """Each token opens one role; anything else, near misses and odd characters included, opens none."""
    tokens = Tokens("r" * 20, "a" * 20, "x" * 20)
    assert [tokens.role(each) for each in ("r" * 20, "a" * 20, "x" * 20)] == ["read", "append", "admin"]
    assert [tokens.role(each) for each in ("", "r" * 19, "r" * 21, "é", "\ud800", "\0")] == [None] * 6


def test_tokens_never_show_themselves(tmp_path: Path) -> None:
    """Neither `repr` nor `str` holds a secret."""
    tokens = load_tokens(tmp_path)
    shown = f"{tokens!r} {tokens}"
    stored = json.loads((tmp_path / "tokens.json").read_text())
    assert not any(secret in shown for secret in stored.values())
