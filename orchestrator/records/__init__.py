"""What the system speaks of, as frozen values."""
