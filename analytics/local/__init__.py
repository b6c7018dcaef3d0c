"""The local stack: an embedded Tinybird and Postgres, demo data, and the supervisor. Only `cli` imports it."""
