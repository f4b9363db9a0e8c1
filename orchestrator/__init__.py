"""A software team that lives in crontab."""
