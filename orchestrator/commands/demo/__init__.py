"""The whole loop on this machine: six issues on a local forge become merged pull requests."""
