"""One screen of everything that goes on: bin/status.sh starts it."""
