"""The exceptions of this package: what went wrong, and what to do about it.

```
AnalyticsError                what a panel catches, and the only thing it catches
├── ConfigError               a setting is missing or unusable; nothing can start
├── AccessDenied              not this viewer's, or not there at all (never says which)
│   └── NotSignedIn           no sign-in, or one that is too old: another may help
└── SourceError               Tinybird or Postgres did not give what was asked for
    ├── SourceUnavailable     network, timeout, 429, 5xx: another try may work
    ├── SourceRejected        the source answered no (other 4xx, bad SQL); a retry will not help
    └── SchemaMismatch        an answer without what was promised
```

Errors are translated once, in the transport (`tinybird`, `postgres`), and carry no token, no DSN and no
full URL: every text here may be shown on a page.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

Source = Literal["tinybird", "postgres"]


class AnalyticsError(Exception):
    """Something that a team member can be told.

    Attributes:
        message: What happened, in plain words, one sentence.
        remedy: What to do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(AnalyticsError):
    """A setting is missing or unusable. The message names every one of them."""


class AccessDenied(AnalyticsError):
    """The viewer may not open this. Whether it exists is not revealed."""


class NotSignedIn(AccessDenied):
    """There is no sign-in, or it has ended."""


class SourceError(AnalyticsError):
    """A source did not give what was asked for.

    Attributes:
        source: Which source.
        resource: The pipe, data source or query, by its name in this project.
        status: The HTTP status; None when there was no HTTP answer.
        said: What the source itself said, scrubbed of secrets, for staff and logs; empty when it said nothing. It may
            name pipes, columns and hosts, so it is not part of the message.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        source: Source,
        resource: str,
        status: int | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message, remedy)
        self.source: Source = source
        self.resource = resource
        self.status = status
        self.said = said

    def __reduce__(self) -> tuple[object, ...]:
        made = partial(type(self), source=self.source, resource=self.resource)
        return (made, self.args, self.__dict__)


class SourceUnavailable(SourceError):
    """Network, timeout, 429 or 5xx.

    Attributes:
        retry_after_seconds: What the source asked to wait; None when it did not say.
    """

    retry_after_seconds: float | None = None


class SourceRejected(SourceError):
    """The source answered no: wrong token, missing pipe, bad parameter, missing grant."""


class SchemaMismatch(SourceError):
    """An answer without what was promised: a column, a type, a row, JSON at all."""
