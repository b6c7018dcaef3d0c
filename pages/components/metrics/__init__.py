"""A metric on screen: its card, its change as text, its explanation."""
