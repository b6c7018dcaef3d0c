"""The history that the product's Postgres holds, moved into Tinybird: each event once."""
