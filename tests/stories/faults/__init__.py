"""The fault table: each fault of the reliability rules as one story with its number (F1 to F40)."""
