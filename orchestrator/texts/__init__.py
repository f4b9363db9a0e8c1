"""What we say and what we read, as text."""
