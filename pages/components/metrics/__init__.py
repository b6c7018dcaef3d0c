"""How a metric reads: its card, its change in words, its explanation."""
