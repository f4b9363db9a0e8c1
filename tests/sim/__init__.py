"""The simulator: the real scripts against the forge, by a seeded scheduler, in virtual time."""
