"""The AI agent beside people: outcomes of the conversations started in a period, both sides compared, how alike they are. Pure."""
