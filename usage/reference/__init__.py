"""The field's reference dataset and the fast way to store it."""
