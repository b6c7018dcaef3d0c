"""Geography of visitors: countries, clusters of places on the globe, the night side. No network."""
