"""Events on their way into Tinybird and out of it again. Knows no page, no cache and no local stack.

Services use `emitter` and `events`. `spool` keeps events on disk until they are confirmed, `history` moves what Postgres
holds, `deletes` removes rows.
"""
