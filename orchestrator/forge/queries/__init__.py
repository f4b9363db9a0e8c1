"""GraphQL: one resolver for each field of schema.graphql, grouped by what they are about."""
