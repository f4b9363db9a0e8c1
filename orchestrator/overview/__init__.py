"""What the whole installation does at this moment, for a screen, a chat and a program."""
