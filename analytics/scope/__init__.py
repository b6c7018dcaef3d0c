"""What a viewer may look at, and when: access, tiers, periods, the opened view. No I/O and no state."""
