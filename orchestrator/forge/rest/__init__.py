"""REST v3: each module answers the routes of one resource, as GitHub's own description says."""
