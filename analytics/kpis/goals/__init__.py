"""Goals of websites: what they are, and how conversations did against them."""
