"""What logs and metrics cost, and how long `/metrics` takes on a large installation."""
