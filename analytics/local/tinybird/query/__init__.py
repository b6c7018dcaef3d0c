"""Turns a pipe, or a client's SELECT, into one checked SQL text."""
