"""CSV files and pictures of what a panel shows."""
