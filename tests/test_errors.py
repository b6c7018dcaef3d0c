"""The error tree: what a page may show, and what survives a trip between processes."""

import copy
import pickle
from collections.abc import Callable

import pytest

from analytics.errors import (
    AccessDenied,
    AnalyticsError,
    ConfigError,
    SchemaMismatch,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)


@pytest.mark.parametrize("kind", [SourceUnavailable, SourceRejected, SchemaMismatch])
def test_source_errors_carry_source_resource_and_status(kind: type[SourceError]) -> None:
    """Whatever went wrong at a source says where, on what, and with which status."""
    error = kind("It failed.", "Try again.", source="tinybird", resource="inbox_analytics", status=503)
    assert isinstance(error, AnalyticsError)
    assert (error.source, error.resource, error.status) == ("tinybird", "inbox_analytics", 503)
    assert str(error) == "It failed. Try again."


@pytest.mark.parametrize("kind", [ConfigError, AccessDenied])
def test_an_error_without_a_remedy_is_its_message(kind: type[AnalyticsError]) -> None:
    """No trailing space where there is nothing to do."""
    assert str(kind("It failed.")) == "It failed."


def pickled(error: SourceError) -> SourceError:
    """The error as another process gets it."""
    loaded: SourceError = pickle.loads(pickle.dumps(error))  # noqa: S301  # made one call earlier
    return loaded


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("kind", [SourceUnavailable, SourceRejected, SchemaMismatch])
def test_a_copy_of_a_source_error_has_all_its_attributes(
    kind: type[SourceError], copied: Callable[[SourceError], SourceError]
) -> None:
    """A cache or a worker process may carry them: nothing is lost on the way."""
    error = kind("Bad.", "Fix it.", source="postgres", resource="user_by_email", status=503, said="Odd.")
    if isinstance(error, SourceUnavailable):
        error.retry_after_seconds = 7.0
    other = copied(error)
    assert (type(other), str(other), vars(other)) == (kind, "Bad. Fix it.", vars(error))
