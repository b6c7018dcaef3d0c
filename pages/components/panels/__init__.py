"""Panels that belong to one page each."""
