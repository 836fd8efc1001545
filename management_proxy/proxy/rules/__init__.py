"""What may pass, as data and pure functions: policies, paths, headers, bodies, masks."""
