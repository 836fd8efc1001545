"""The faults of a bad day: each befalls the stack under load; what it costs is measured."""
