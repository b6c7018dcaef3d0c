"""The exception of the local stack."""

from analytics.errors import AnalyticsError


class StackFailure(AnalyticsError):
    """The local stack cannot start or go on; the command line prints message and remedy."""
