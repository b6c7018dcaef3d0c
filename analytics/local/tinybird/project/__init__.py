"""What the datafiles of a project say, as values. Runs nothing."""
