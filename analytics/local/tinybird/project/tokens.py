"""Makes, keeps and compares the three tokens of the local stack.

The rights of a role are declared in the datafiles (`TOKEN name READ`)
and decided in `analytics.local.tinybird.project.project`; this module must not know about resources.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from analytics.ingest.spool.files import OWNER_ONLY, write_whole

Role = Literal["read", "append", "admin"]

FILE_NAME = "tokens.json"


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """One secret per role; absent from `repr`, so that no log line or traceback shows one.

    >>> Tokens(read="r", append="a", admin="x")
    Tokens(read=…, append=…, admin=…)
    """

    read: str
    append: str
    admin: str

    def __repr__(self) -> str:
        return "Tokens(read=…, append=…, admin=…)"

    def role(self, candidate: str) -> Role | None:
        """The role that `candidate` opens, or None; compared with all three, each in constant time.

        >>> Tokens(read="r", append="a", admin="x").role("a")
        'append'
        """
        given = candidate.encode("utf-8", "surrogatepass")
        stored: tuple[tuple[Role, str], ...] = (
            ("read", self.read),
            ("append", self.append),
            ("admin", self.admin),
        )
        found: Role | None = None
        for role, token in stored:
            if secrets.compare_digest(given, token.encode("utf-8")):
                found = role
        return found


def load_tokens(data_dir: Path) -> Tokens:
    """The tokens kept in `data_dir/tokens.json`; made there, with mode 0600, on first use.

    Raises:
        ValueError: the file is there and does not hold three different tokens.
    """
    path = data_dir / FILE_NAME
    try:
        return _parse(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        tokens = Tokens(*(f"p.{secrets.token_urlsafe(32)}" for _ in range(3)))
        data_dir.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(tokens), indent=2).encode(), OWNER_ONLY)
        return tokens


def _parse(text: str, path: Path) -> Tokens:
    try:
        stored = json.loads(text)
        tokens = Tokens(read=str(stored["read"]), append=str(stored["append"]), admin=str(stored["admin"]))
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} does not hold the three tokens; delete it to have new ones made") from None
    values = {tokens.read, tokens.append, tokens.admin}
    if len(values) < 3 or "" in values:
        raise ValueError(f"{path} holds an empty or a repeated token; delete it to have new ones made")
    return tokens
