"""One module for each kind of coding agent."""
