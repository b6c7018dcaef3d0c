"""Facts on their way into Tinybird and out of it again. Knows no page, no cache and no local stack."""
