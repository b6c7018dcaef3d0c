"""What is in the demo: customers, their visitors and conversations. Pure."""
