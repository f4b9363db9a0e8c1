"""One door to each outside thing."""
