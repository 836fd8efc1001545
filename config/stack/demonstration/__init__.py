"""The people of a demonstration: what they own, have set up and did before it began."""
