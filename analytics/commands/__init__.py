"""Commands of the command line, one noun per file: options, messages, exit codes. What they do is done elsewhere."""
