"""Whole stories, told with the real scripts."""
