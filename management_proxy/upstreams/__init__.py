"""Which upstreams there are, what was learnt of each, and whether it lets callers in."""
