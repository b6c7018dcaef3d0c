"""What a viewer may see: access, tiers, periods, and the resolved view. No I/O and no state."""
