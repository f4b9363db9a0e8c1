"""Every decision, as a pure function from values to a verdict with a reason."""
