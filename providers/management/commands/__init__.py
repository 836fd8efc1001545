"""Commands of `manage.py`: client keys, reconciliation."""
