"""Panels of the page AI and people."""
