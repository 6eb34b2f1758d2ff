"""`mlc demo`: one model from snapshot to production, told step by step over the service's own HTTP API."""
