"""What an operator asks of this process, past every viewer: do the sources answer?"""

from __future__ import annotations

from analytics import sources
from analytics.cached.reading import connections
from analytics.errors import Source


def ask(source: Source) -> None:
    """Passes where a source answers. Costs no query of Tinybird's plan, so that it may be asked all day.

    Raises:
        ConfigError: A setting is missing.
        SourceError: It does not answer, or says no.

    Source: the list of pipes, or `SELECT 1`.
    """
    if source == "postgres":
        sources.postgres_probe(connections().postgres)
    else:
        sources.tinybird_answers(connections().tinybird)
