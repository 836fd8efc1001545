"""The rollout gate: a release candidate under the load of a bad day, and whether it may go out."""
