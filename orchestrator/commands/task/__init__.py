"""What a person asks of one task, and does to it: bin/task.sh starts it."""
