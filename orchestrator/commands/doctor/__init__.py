"""What must be right for the scripts to work, looked at one thing at a time."""
