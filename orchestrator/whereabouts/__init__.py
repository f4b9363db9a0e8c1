"""Why an issue or task is where it is, in words for a person at three in the morning."""
