"""Values of the page AI and people."""
