"""What one page draws."""
