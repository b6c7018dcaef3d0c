"""Clients of Tinybird (HTTP) and Postgres (SQL). Know no pipe and no table by name."""
