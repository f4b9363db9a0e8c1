"""A GitHub on this machine: REST v3, GraphQL, smart-HTTP git, CI and Projects over one SQLite file."""
