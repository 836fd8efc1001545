"""The one way to change an upstream: recorded, one at a time, verified."""
