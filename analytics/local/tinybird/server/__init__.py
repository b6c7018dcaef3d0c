"""HTTP: addresses, who may reach them, and how answers read."""
