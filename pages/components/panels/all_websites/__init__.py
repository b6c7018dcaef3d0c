"""What the page All websites draws: `controls` above its table, `table`, and `file`, the table as a file."""
