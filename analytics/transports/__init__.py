"""HTTP to Tinybird and SQL to Postgres. Knows no pipe and no table by name."""
