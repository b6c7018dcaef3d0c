"""What is in the demo: organizations, websites, visitors, conversations. Pure."""
