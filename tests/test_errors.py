"""The error tree: what a page may show, and what survives a trip between processes."""

import pickle

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


def test_source_errors_survive_pickling() -> None:
    """A cache or a worker process may carry them: nothing is lost on the way."""
    error = SchemaMismatch("Bad.", "Fix it.", source="postgres", resource="user_by_email", said="Odd.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # made one call earlier
    assert type(copy) is SchemaMismatch
    assert (copy.message, copy.remedy, copy.source, copy.resource, copy.status, copy.said) == (
        "Bad.",
        "Fix it.",
        "postgres",
        "user_by_email",
        None,
        "Odd.",
    )
