"""Settlement: intervals to entries, entries to net positions, positions to instructions."""
