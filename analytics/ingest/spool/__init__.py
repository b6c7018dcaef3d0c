"""Events waiting on disk until Tinybird has confirmed them, and what sends them."""
