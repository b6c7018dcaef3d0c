"""Serves HTTP: routes, access, answers."""
