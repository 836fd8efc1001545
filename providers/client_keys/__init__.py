"""Keys that clients present to the upstream: owners, terms, rotation, limits."""
