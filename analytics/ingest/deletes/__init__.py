"""Deleting rows from Tinybird: one job at a time, counted, with receipts."""
