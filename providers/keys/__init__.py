"""Provider keys of every family: the upstream's lists, what an entry may hold, who owns it."""
