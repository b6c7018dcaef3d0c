"""Rows on disk: from what a request appends to ClickHouse's tables."""
