"""CSV files and pictures of panels."""
