"""From a pipe, or a client's SELECT, to one checked SQL text."""
