"""The dashboard's own store: a small Postgres schema that it may write to, for settings such as goals.

`models` are its tables, `migrations/` what makes and changes them, `migrate` runs these, `store` reads and writes rows. The
product's Postgres stays read-only; without a store everything but goals works. Callers check access first; nothing here does.
"""

from typing import Final

VARIABLE: Final = "INBOX_ANALYTICS_STORE_URL"
"""The setting with its address."""

HEAD: Final = "0002"
"""The newest migration. Named here, so that only what migrates loads Alembic; a test compares it with the files."""
