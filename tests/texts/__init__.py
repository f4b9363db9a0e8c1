"""Tests of what we say and read."""
