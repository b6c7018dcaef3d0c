"""The rows of websites that left: whose they are, and deleting them."""
