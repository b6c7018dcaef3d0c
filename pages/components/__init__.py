"""What pages share: chrome, panels, cards, charts, the globe, formatting. No SQL, no HTTP, no metric arithmetic."""
