"""Compares every conversation KPI from the pipes with Postgres, and finds why they differ."""
