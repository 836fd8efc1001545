"""The only app that speaks to upstreams: for the other apps, and for callers by a proxy."""
