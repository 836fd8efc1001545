"""The page and the JSON of changes: what was requested of the upstreams, and its outcome."""
