"""A GitHub on this machine: REST, GraphQL, git over HTTP, CI and Projects over one SQLite file."""
