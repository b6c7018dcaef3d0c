"""Reads the datafiles of a project into values. Runs nothing."""
