"""The Tinybird-compatible server: HTTP over the project's own datafiles, run on embedded ClickHouse."""
