"""The satisfaction index: its value, what moved it, the answers behind it, and how many conversations were rated. Pure."""
