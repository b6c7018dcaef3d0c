"""The exceptions of this package. Each carries what went wrong and what to do about it.

```
AnalyticsError                the only exception that a panel catches
├── ConfigError               a setting is missing or unusable; nothing can start
├── AccessDenied              the viewer may not open it, or it does not exist (never says which)
│   └── NotSignedIn           not signed in, or too long ago; signing in again may help
├── Conflict                  another person has changed it since it was read; nothing was saved
└── SourceError               Tinybird, Postgres or the store failed
    ├── SourceUnavailable     network, timeout, 429, 5xx; a retry may work
    │   └── NotYetAnswered    it takes longer than a reader waits; the answer may still come
    ├── SourceRejected        the source refused the request (other 4xx, bad SQL); a retry will not help
    └── SchemaMismatch        the answer does not match its schema
```

Errors of drivers are translated once, in the transport (`tinybird`, `postgres`, `store`). They carry no token, no DSN and no full
URL, because a page may show their text.
"""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

Source = Literal["tinybird", "postgres", "store"]
SOURCE_NAMES: Final[dict[Source, str]] = {
    "tinybird": "Tinybird",
    "postgres": "Postgres",
    "store": "The dashboard's store",
}


class AnalyticsError(Exception):
    """An error whose text may be shown to a viewer.

    Attributes:
        message: What happened, in one sentence.
        remedy: What to do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(AnalyticsError):
    """Settings are missing or unusable. The message names each of them."""


class AccessDenied(AnalyticsError):
    """The viewer may not open this, or it does not exist; the text is the same."""


class NotSignedIn(AccessDenied):
    """The viewer is not signed in, or the sign-in has expired."""


class Conflict(AnalyticsError):
    """Another person has changed what was to be saved, after it was read; nothing was saved."""


class SourceError(AnalyticsError):
    """A read from or a write to a source failed.

    Attributes:
        source: Which source.
        resource: Name of the pipe, data source or query in this project.
        status: HTTP status; None when there was no HTTP answer.
        said: Text of the source's own error without secrets, for staff and logs; empty when it has none. It may name
            pipes, columns and hosts, so it is not part of the message.
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
        retry_after_seconds: Seconds to wait as the source's `Retry-After` asks; None without that header.
    """

    retry_after_seconds: float | None = None


class NotYetAnswered(SourceUnavailable):
    """The source takes longer than a reader waits; the read goes on."""


class SourceRejected(SourceError):
    """The source refused the request: wrong token, missing pipe, bad parameter, missing grant."""


class SchemaMismatch(SourceError):
    """The answer lacks a column or row, has a wrong type, or is not JSON."""
