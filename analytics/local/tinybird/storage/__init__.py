"""Stores rows: from the body of a request to ClickHouse's tables."""
