"""Whom the demo is about: organizations, their accounts, websites and goals. Pure."""
