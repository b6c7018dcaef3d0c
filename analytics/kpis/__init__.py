"""KPIs and the verdicts on their changes: data in, value out. No I/O and no state."""
